"""What tests, screenshots and the benchmark of the web page need: a gateway, a browser, toy families."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import tensorflow as tf
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from components.artifact import publish, versions
from components.family import Family, FamilySettings, Query
from components.gateway.app import create_app
from components.gateway.gateway import Gateway
from components.gateway.servers import Servers
from components.gateway.settings import GatewaySettings
from components.home import Home
from components.serving.ports import bind
from tests.contract.server_process import ServerProcess

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# The fake devices stand for a microphone: Chromium plays a beep into it.
FLAGS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


def chromium() -> str | None:
    """Return the path of a Chromium: `LODESTAR_CHROMIUM`, or one that the machine has."""
    given = os.environ.get("LODESTAR_CHROMIUM")
    return given or next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a Chromium; skips the test where there is none."""
    path = chromium()
    if path is None:
        pytest.skip("there is no Chromium: install one (`apt-get install chromium`) or set LODESTAR_CHROMIUM")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield started
        finally:
            started.close()


def settings_of(home: Path, server: str, **more: object) -> GatewaySettings:
    """Return the settings that `lodestar gateway` has for a home and a model server."""
    made = {
        "servers": Servers.parse([server]),
        "serving": home / "serving",
        "feedback": home / "feedback",
        "state": home / "gateway",
        "deployments": home / "serving" / "deployments.json",
        "rate_limit": "",
    }
    return GatewaySettings(**{**made, **more})  # type: ignore[arg-type]


@contextmanager
def gateway(settings: GatewaySettings, families: Mapping[str, Family] | None = None) -> Iterator[str]:
    """Serve a gateway from a thread; gives its address."""
    listener = bind("127.0.0.1", 0, "--port")
    listener.listen()
    app = create_app(Gateway.make(settings, families))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listener.close()


def wait_for_catalogue(url: str, model: str = "matrix-factorization", seconds: float = 60) -> None:
    """Return once the gateway knows the model's users."""
    deadline = time.monotonic() + seconds
    while not requests.get(f"{url}v1/users", params={"model": model}, timeout=10).json().get("users"):
        assert time.monotonic() < deadline, f"no users of {model} within {seconds} s"
        time.sleep(0.05)


def watched(page: Page) -> list[str]:
    """Return a list that gets whatever the page complains of: script errors and refusals by its policy."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text)
            if message.type == "error" and "Failed to load resource" not in message.text
            else None
        ),
    )
    return complaints


def feedback_of(home: Path) -> list[dict]:
    """Return every event that is on disk."""
    files = sorted((home / "feedback").rglob("*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text(encoding="utf-8").splitlines()]


def toy_family(name: str, kind: str | None) -> Family:
    """Return a family that takes a picture, a sound, or words."""
    query = Query(upload=kind, upload_input="data") if kind else Query(text_input="data")  # type: ignore[arg-type]
    return Family(
        package=f"toys.{name}",
        title=f"Toy: {name}",
        task="search",
        settings=FamilySettings,
        signatures=("serving_default",),
        query=query,
        splits=(),
        analyzed="",
    )


class _Channels(tf.Module):
    """Ranks `red`, `green` and `blue` by how much of it is in a picture."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "data")])
    def answer(self, data):
        def of(image):
            pixels = tf.io.decode_image(image, channels=3, expand_animations=False)
            return tf.reduce_mean(tf.cast(pixels, tf.float32), axis=[0, 1])

        values = tf.map_fn(of, data, fn_output_signature=tf.TensorSpec([3], tf.float32))
        scores, rows = tf.math.top_k(values, 3)
        return {"ids": tf.gather(tf.constant(["red", "green", "blue"]), rows), "scores": scores}


class _Loudness(tf.Module):
    """Ranks `loud` and `quiet` by the peak of a WAV file with one channel of 16 kHz; others are refused."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "data")])
    def answer(self, data):
        def of(file):
            sound, rate = tf.audio.decode_wav(file)
            with tf.control_dependencies([tf.debugging.assert_equal(rate, 16_000)]):
                peak = tf.reduce_max(tf.abs(tf.ensure_shape(sound, [None, 1])))
            return tf.stack([peak, 1 - peak])

        values = tf.map_fn(of, data, fn_output_signature=tf.TensorSpec([2], tf.float32))
        scores, rows = tf.math.top_k(values, 2)
        return {"ids": tf.gather(tf.constant(["loud", "quiet"]), rows), "scores": scores}


class _Echo(tf.Module):
    """Answers with the words themselves as the only id."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "data")])
    def answer(self, data):
        return {"ids": data[:, None], "scores": tf.ones([tf.shape(data)[0], 1])}


TOYS: Mapping[str, tuple[str | None, type[tf.Module]]] = {
    "picture-search": ("image", _Channels),
    "sound-search": ("audio", _Loudness),
    "echo": (None, _Echo),
}


def write_toys(root: Path) -> dict[str, Family]:
    """Push every toy to a serving root and return their families."""
    for name, (_, make) in TOYS.items():
        module, saved = make(), root.parent / "toys" / name
        tf.saved_model.save(module, str(saved), signatures={"serving_default": module.answer})
        publish(saved, root / name, {})
    return {name: toy_family(name.replace("-", "_"), kind) for name, (kind, _) in TOYS.items()}


def settle(page: Page) -> None:
    """Return once nothing moves any more."""
    page.evaluate(
        """() => Promise.all(document.getAnimations()
          .filter((one) => one.effect.getComputedTiming().iterations !== Infinity)
          .map((one) => one.finished.catch(() => null)))"""
    )


def audit(page: Page) -> list[str]:
    """Return what keeps people from using what the page shows now."""
    script = Path(__file__).with_name("page_audit.js").read_text(encoding="utf-8")
    return page.evaluate(script[script.index("() =>") :])


@contextmanager
def served() -> Iterator[tuple[str, str]]:
    """Serve both families of Lodestar's home, trained first when they are not there.

    Gives the address of the gateway and that of the model server's REST API.
    """
    home = Home.find().root
    for family in ("matrix-factorization", "text-search"):
        if not versions(home / "serving" / family):
            print(f"training {family}", flush=True)
            command = [sys.executable, "-m", "pipelines", "run", family]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with ServerProcess(home / "serving") as server, gateway(settings_of(home, server.grpc)) as url:
        wait_for_catalogue(url)
        yield url, server.rest
