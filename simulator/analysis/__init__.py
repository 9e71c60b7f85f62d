"""What a run says: each function goes from a plan (or a lowered run) and its trace to arrays or a table, and touches no
engine.
"""
