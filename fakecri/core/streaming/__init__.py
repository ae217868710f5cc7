"""What stands behind the URLs of Exec, Attach and PortForward, without a wire. Source: spec 2."""
