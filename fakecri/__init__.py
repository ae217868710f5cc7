"""fakecri: the container runtime that runs nothing."""
