"""Packages of npm that tests use, in a directory of the test session; skips the test where they cannot be had."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["node_packages"]


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
    if done.returncode:
        pytest.skip(f"needs packages of npm, which cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
    return directory / "node_modules"
