"""Java, and classes for JARs: compiled when they are needed, by whatever JDK is there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def need_java() -> None:
    """Skip the test without a JDK; in CI it fails."""
    if not (shutil.which("javac") and shutil.which("jar") and shutil.which("java")):
        assert "CI" not in os.environ, "there is no JDK here"
        pytest.skip("needs a JDK: java, javac and jar")


def jar_of(source: str, class_name: str, folder: Path) -> Path:
    """Return a jar with a public class, made in `folder`; without a JDK the test is skipped, and in CI it fails."""
    need_java()
    file, jar = folder / f"{class_name}.java", folder / f"{class_name}.jar"
    file.write_text(source)
    subprocess.run(["javac", "-d", folder / "classes", file], check=True)
    subprocess.run(["jar", "cf", jar, "-C", folder / "classes", "."], check=True)
    return jar
