"""The file systems that a container's processes see: trees, mounts, and what the kernel shows."""
