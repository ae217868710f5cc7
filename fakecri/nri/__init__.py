"""Plugins of NRI: objects of the test (`objects`), and programs that connect to a unix socket.

Two streams of bytes share a connection (`mux`), and on each of them ttrpc is spoken (`frames`,
`client`, `service`): on one the runtime calls the plugin, on the other the plugin the runtime
(`connections`). None of that knows sockets; `server` has the one that listens.
"""
