"""Packages of npm that tests use, in a directory of the test session; skips the test where they cannot be had."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["node_packages"]

_AWAY = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH")


def node_packages(directory: Path, *packages: str) -> Path:
    """Install packages, each `NAME@VERSION`, and return their `node_modules`."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}, which is not on this machine")
    command = ["npm", "install", "--prefix", str(directory), "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run([*command, *packages], capture_output=True, text=True, timeout=180, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("needs packages of npm, whose registry does not answer")
    if any(f"code {away}" in done.stderr for away in _AWAY):
        pytest.skip("needs packages of npm, whose registry cannot be reached")
    assert done.returncode == 0, done.stderr
    return directory / "node_modules"
