"""The simulated network: what pods, their processes and the node can reach of each other."""
