"""The contract: the messages and services of CRI v1.

`runtime.proto` is the source; `runtime.binpb` (its descriptor) and `runtime_pb2.pyi` (its types)
are generated from it by `python -m fakecri.api.regenerate`.
"""
