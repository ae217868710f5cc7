"""NRI, the Node Resource Interface: plugins that are told of pods and containers, and change them.

This is the runtime's side of it, as containerd 2 has it: its NRI domain and the adaptation of
github.com/containerd/nri v0.12 in one. Plugins are the same to it whether they come over a wire or
are objects of the test.
"""
