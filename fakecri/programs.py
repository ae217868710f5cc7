"""Servers to register as programs: web servers with scripted health, echo, gRPC health checks."""

from fakecri.core.net.daemons import Health, echo_server, http_server
from fakecri.core.net.grpc_health import grpc_health
from fakecri.core.net.http import Request, Response

__all__ = ["Health", "Request", "Response", "echo_server", "grpc_health", "http_server"]
