"""The contracts: the messages and services of CRI v1, of the control service, and of NRI.

`runtime.proto` is the source; `runtime.binpb` (its descriptor) and `runtime_pb2.pyi` (its types)
are generated from it by `python -m fakecri.api.regenerate`; so it is with the others.
"""
