"""Graphs of lower precision: FP16 by casts and INT8 by Q/DQ nodes, score-critical nodes left in float32."""
