"""The HTTP endpoint behind the URLs of Exec, Attach and PortForward."""
