"""Views of a result: figures, a trace for Perfetto, and folders on disk.

They read tables; none of them touches an engine.
"""
