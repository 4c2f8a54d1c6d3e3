"""Private servers and workers for tests, demo and benchmarks.

Everything runs on private sockets in one temporary folder with a short path and
ends with whoever started it.
"""

from .processes import Process, find_program
from .project import Project, Worker
from .servers import PostgreSQL, Redis, SqliteFile
from .web import Web

__all__ = [
    "PostgreSQL",
    "Process",
    "Project",
    "Redis",
    "SqliteFile",
    "Web",
    "Worker",
    "find_program",
]
