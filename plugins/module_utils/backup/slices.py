# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Commands that read and write a slice of a file of the host, for any connection and with privilege escalation.

Neither makes a copy on a disk of the host, which the modules of ansible-core do.
"""

from __future__ import annotations

import shlex

# Ansible's connection over SSH joins what it reads piece by piece, which takes longer with the square of the size.
BYTES = 4 << 20
# A command with input gets no terminal, which would give the output in even smaller pieces.
NO_INPUT = b"\n"
_READ = (
    "import base64,os,sys;"
    "f=os.open(sys.argv[1],os.O_RDONLY|os.O_NOFOLLOW);"
    "print(base64.b64encode(os.pread(f,int(sys.argv[3]),int(sys.argv[2]))).decode())"
)
_CREATE = (
    "import os,sys;"
    "os.makedirs(os.path.dirname(sys.argv[1]),0o700,exist_ok=True);"
    "os.open(sys.argv[1],os.O_WRONLY|os.O_CREAT|os.O_EXCL,0o600)"
)
_WRITE = (
    "import os,sys;"
    "f=os.open(sys.argv[1],os.O_WRONLY|os.O_NOFOLLOW);"
    "os.lseek(f,int(sys.argv[2]),0);"
    "open(f,'wb').write(sys.stdin.buffer.read())"
)


def read_command(python: str, path: str, offset: int, size: int) -> str:
    """Prints a slice in Base64, which a terminal does not change."""
    return shlex.join([python, "-c", _READ, path, str(offset), str(size)])


def create_command(python: str, path: str) -> str:
    """Makes an empty file that only its owner can read, and the folders above the file."""
    return shlex.join([python, "-c", _CREATE, path])


def write_command(python: str, path: str, offset: int) -> str:
    """Writes its input at an offset of a file."""
    return shlex.join([python, "-c", _WRITE, path, str(offset)])
