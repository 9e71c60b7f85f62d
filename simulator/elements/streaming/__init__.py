"""Streaming operators on an FPGA: what each costs in cycles, stream bits and fabric, and how it moves its stream."""
