"""Name resolution limited to this machine.

The service's own endpoint leads to this machine, so that virtual hosts such as bucket.oss-cn-hangzhou.aliyuncs.com reach the server
under test as they would reach the service. Any other name is an error: nothing leaves the machine.
"""

import socket

REGION = "cn-hangzhou"
HOST = f"oss-{REGION}.aliyuncs.com"

_resolve = socket.getaddrinfo


def _only_loopback(host, port, *args, **kwargs):
    name = host.decode() if isinstance(host, bytes) else host
    if name == HOST or name.endswith(f".{HOST}"):
        name = "127.0.0.1"
    if name not in ("127.0.0.1", "localhost"):
        raise socket.gaierror(socket.EAI_NONAME, f"{name} is not this machine")
    return _resolve(name, port, *args, **kwargs)


def install():
    socket.getaddrinfo = _only_loopback
