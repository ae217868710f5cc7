"""Stories of real bugs: a file each, told to a naive client and, live, to a real kubelet."""
