"""Who gets into the page's server: this computer's user from this page, and nobody else, by any way a browser has."""

import http.client
import json
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hub.conftest import Place
from page.conftest import Served, opened
from playwright.sync_api import Browser, expect
from pumprig.lab.servers import until

FOREIGN = """async ([home, device, token]) => {
    const tries = [];
    const send = async (options) => {
        try { tries.push((await fetch(`${home}/api/rigs/${device}/stop`, options)).type); }
        catch { tries.push('refused'); }
    };
    await send({method: 'POST', headers: {authorization: `Bearer ${token}`}});
    await send({method: 'POST', mode: 'no-cors', body: '{}'});
    const source = new EventSource(`${home}/api/events?token=${token}`);
    tries.push(await new Promise((done) => {
        source.onerror = () => done('refused');
        source.onmessage = source.onopen = () => done('read');
    }));
    return tries;
}"""


def asked(
    served: Served, method: str, path: str, headers: dict[str, str], body: str = "{}"
) -> tuple[int, str]:
    """One request as a program of any kind could send it."""
    host, port = served.page_at.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True)
        for name, value in {"Host": served.page_at, **headers}.items():
            connection.putheader(name, value)
        if method == "POST":
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body.encode() if method == "POST" else None)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def token(served: Served) -> str:
    return served.url.split("token=")[1]


def rights(served: Served) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(served)}", "Origin": f"http://{served.page_at}"}


def device(served: Served) -> str:
    return served.device


def test_with_all_rights_a_stop_is_taken(served: Served) -> None:
    status, text = asked(served, "POST", f"/api/rigs/{device(served)}/stop", rights(served))
    assert (status, "Stopped" in text) == (200, True)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://{page}"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": None}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:80", "Origin": "http://evil.example:80"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Host": "127.0.0.1@evil.example"}, 421),
        ({"Host": ""}, 421),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Authorization": None}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": "Bearer " + "0" * 64}, 401),
        ({"Authorization": "Bearer \u00e9"}, 401),
    ],
)
def test_a_change_that_lacks_one_right_is_refused_and_reaches_no_rig(
    served: Served, change: dict[str, str | None], expected: int
) -> None:
    headers = {**rights(served), **change}
    said = len([line for line in served.tap.said if "silence" in line])
    path = f"/api/rigs/{device(served)}/do/silence"
    named = {k: v.replace("{page}", served.page_at) for k, v in headers.items() if v is not None}
    status, text = asked(served, "POST", path, named)
    assert status == expected
    assert json.loads(text)["not_done"] == "Nothing was done."
    assert len([line for line in served.tap.said if "silence" in line]) == said


@pytest.mark.parametrize("path", ["events", "ping", "rigs/x/curves", "rigs/x/log", "rigs/x/program"])
def test_nothing_is_read_without_the_token(served: Served, path: str) -> None:
    for given in ({}, {"Authorization": "Bearer " + "f" * 64}):
        assert asked(served, "GET", f"/api/{path}", given)[0] == 401
    assert asked(served, "GET", f"/api/{path}?token={'f' * 64}", {})[0] == 401


def test_the_token_in_an_address_reads_and_changes_nothing(served: Served) -> None:
    origin = {"Origin": f"http://{served.page_at}"}
    assert asked(served, "GET", f"/api/ping?token={token(served)}", {})[0] == 200
    path = f"/api/rigs/{device(served)}/stop?token={token(served)}"
    assert asked(served, "POST", path, origin)[0] == 401


@pytest.mark.parametrize(
    "name", ["../door.py", "%2e%2e%2fdoor.py", "style.css/../../app.py", "nothing.js", "uplot.LICENSE"]
)
def test_only_the_files_of_the_page_are_served(served: Served, name: str) -> None:
    assert asked(served, "GET", f"/{name}", {})[0] == 404


def test_a_page_of_another_origin_in_the_same_browser_can_do_nothing(
    served: Served, browser: Browser
) -> None:
    """It knows the address and the token, which no such page does; the browser's own words give it away."""

    class Evil(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>evil</title>")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Evil)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(f"http://localhost:{server.server_port}/")
        before = len(served.tap.said)
        got = page.evaluate(
            FOREIGN,
            [f"http://{served.page_at}", device(served), token(served)],
        )
        assert got == ["refused", "refused", "refused"]
        assert [line for line in served.tap.said[before:] if " stop" in line] == []
    finally:
        context.close()
        server.shutdown()
        server.server_close()


def test_the_token_leaves_the_address_and_lies_where_only_this_user_reads_it(
    served: Served, browser: Browser
) -> None:
    context = browser.new_context()
    try:
        page = opened(context, served)
        assert token(served) not in page.url
        expect(page.locator("#link")).to_contain_text("live")
        page.reload()
        expect(page.locator("#link")).to_contain_text("live")
    finally:
        context.close()
    kept = served.place.folder / "state" / "dashboard" / "token"
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "place", ["0.0.0.0:8717", "192.168.1.5:80", "[::]:80", "example.org:80", "127.0.0.1", "127.0.0.1:x"]
)
def test_the_page_is_never_served_to_a_network(served: Served, place: str) -> None:
    done = served.place.run("dashboard", "--no-browser", "--page", place)
    assert done.returncode == 2
    assert "Nothing was begun." in done.stderr


def test_two_rigs_are_shown_and_a_stop_goes_to_the_one_that_it_names(
    served: Served, browser: Browser
) -> None:
    served.run("rate", "20 ul/h", "--yes")
    port = f"socket://127.0.0.1:{served.rig('two')}"
    assert served.place.run("-p", port, "rate", "30 ul/h", "--yes").returncode == 0  # from now on the hub's
    context = browser.new_context()
    try:
        page = opened(context, served)
        tiles = page.locator("#rigs .rig")
        expect(tiles).to_have_count(2)
        second = json.loads(served.place.run("-p", port, "status", "--json").stdout)["device_id"]
        page.locator(f"#rigs [data-key='{second}']").click()
        expect(page.locator("#title")).to_contain_text(second)
        expect(page.locator("#stop")).to_contain_text(f"Stop {second[-4:]}")
        page.locator("#stop").click()
        expect(page.locator(f"#rigs [data-key='{second}']")).to_contain_text("stopped")
        expect(page.locator(f"#rigs [data-key='{device(served)}']")).to_contain_text("running")
        page.locator("#stop-all").click()
        expect(page.locator(f"#rigs [data-key='{device(served)}']")).to_contain_text("stopped")
    finally:
        context.close()


def hub_with_page(place: Place) -> tuple[subprocess.Popen[str], str, int]:
    """(the hub, where its page is)."""
    hub = place.start("hub", "--page", "127.0.0.1:0")
    assert hub.stderr is not None
    address = next(line for line in hub.stderr if line.startswith("page ")).split()[1]
    host, port = address.split("/")[2].rsplit(":", 1)
    return hub, host, int(port)


def test_a_hub_serves_the_page_too_and_ends_it_with_itself(served: Served, tmp_path: Path) -> None:
    place = Place(tmp_path)
    try:
        hub, host, port = hub_with_page(place)
        connection = http.client.HTTPConnection(host, port, timeout=30)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        connection.close()
        hub.terminate()
        assert hub.wait(30) == 0
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((host, port), 5)
    finally:
        place.end()


def test_a_page_ends_with_its_hub_when_that_is_killed(served: Served, tmp_path: Path) -> None:
    place = Place(tmp_path)
    try:
        hub, host, port = hub_with_page(place)
        socket.create_connection((host, port), 5).close()
        hub.kill()
        hub.wait(30)
        until(lambda: not listens(host, port), "the end of the page", within_s=30)
    finally:
        place.end()


def listens(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        socket.create_connection((host, port), 5).close()
    except OSError:
        return False
    return True
