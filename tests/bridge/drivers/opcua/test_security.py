"""Who talks to whom: channels, pinned servers, users, and secrets that stay secret."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from asyncua import Server, ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole

from bridge.driver import DeviceLostError, DeviceRefusedError
from bridge.drivers.opcua.driver import OpcuaDriver
from core.errors import InputError


class Doorman:
    """Knows one user, and lets nobody in without a name."""

    def get_user(self, iserver, username=None, password=None, certificate=None) -> User | None:
        return User(role=UserRole.User) if (username, password) == ("bridge", "right") else None


def said(keys, mode: str = "sign_and_encrypt", pin: str | None = None, who: str = "bridge") -> dict[str, str]:
    certificate, key = getattr(keys, who)
    return {
        "mode": mode,
        "certificate": str(certificate),
        "private_key": str(key),
        "server_certificate": pin or str(keys.server[0]),
    }


def password_file(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "password"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


async def values(form, until) -> list[float | None]:
    async with OpcuaDriver.of_site(form) as driver:
        await driver.connect({}, 0)
        return [one.value for one in await until(driver, bool)]


@pytest.mark.parametrize("mode", ["sign", "sign_and_encrypt"])
@pytest.mark.parametrize("pinned", ["file", "fingerprint"])
async def test_a_secure_channel_to_the_server_that_is_known(plant, keys, make_site, until, mode, pinned) -> None:
    await plant.start(keys.server, flow=1.5)
    fingerprint = f"sha256:{hashlib.sha256(keys.server[0].read_bytes()).hexdigest()}"
    security = said(keys, mode, fingerprint if pinned == "fingerprint" else None)
    form = make_site(plant.endpoint, {"flow": {}}, opcua={"security": security})
    assert set(await values(form, until)) == {1.5}
    assert plant.server.iserver.certificate is not None


async def test_another_server_is_refused_before_anything_is_said(plant, keys, make_site, tmp_path) -> None:
    await plant.start(keys.stranger, flow=1.5)
    secret = password_file(tmp_path, "right\n")
    options = {"security": said(keys), "user": "bridge", "password_file": secret}
    driver = OpcuaDriver.of_site(make_site(plant.endpoint, {"flow": {}}, opcua=options))
    received = hashlib.sha256(keys.stranger[0].read_bytes()).hexdigest()
    with pytest.raises(DeviceRefusedError, match=f"not the one that is known.*{received}"):
        await driver.connect({}, 0)


async def test_a_server_without_a_secure_channel_is_refused(plant, keys, make_site) -> None:
    await plant.start(flow=1.5)
    driver = OpcuaDriver.of_site(make_site(plant.endpoint, {"flow": {}}, opcua={"security": said(keys)}))
    with pytest.raises(DeviceRefusedError, match=r"no such channel.*Basic256Sha256, SignAndEncrypt.*None"):
        await driver.connect({}, 0)


async def test_a_server_that_does_not_trust_the_bridge_says_so(plant, keys, make_site) -> None:
    async def distrust(certificate: object, description: object) -> None:
        raise ServiceError(ua.StatusCodes.BadCertificateUntrusted)

    plant.server.set_certificate_validator(distrust)
    await plant.start(keys.server, flow=1.5)
    driver = OpcuaDriver.of_site(make_site(plant.endpoint, {"flow": {}}, opcua={"security": said(keys)}))
    with pytest.raises(DeviceRefusedError, match=r"refuses the bridge's certificate.*trust"):
        await driver.connect({}, 0)


@pytest.mark.parametrize("secured", [True, False])
async def test_a_user_and_a_password(plant, keys, make_site, until, tmp_path, secured) -> None:
    plant.server = Server(user_manager=Doorman())
    await plant.start(keys.server if secured else None, flow=1.5)
    options = {"user": "bridge", "password_file": password_file(tmp_path, "right\n")}
    options |= {"security": said(keys)} if secured else {}
    form = make_site(plant.endpoint, {"flow": {}}, opcua=options)
    assert set(await values(form, until)) == {1.5}
    password_file(tmp_path, "wrong\n")
    for refused in (form, make_site(plant.endpoint, {"flow": {}})):
        with pytest.raises(DeviceRefusedError, match="refuses the user") as error:
            await OpcuaDriver.of_site(refused).connect({}, 0)
        assert "wrong" not in str(error.value)


async def test_a_server_that_is_away_is_lost_however_secure(build, keys, make_site) -> None:
    form = make_site(f"opc.tcp://127.0.0.1:{build.free_port()}", {"flow": {}}, opcua={"security": said(keys)})
    with pytest.raises(DeviceLostError, match="cannot be reached"):
        await OpcuaDriver.of_site(form).connect({}, 0)


def test_a_password_travels_only_through_a_secure_channel(make_site, tmp_path) -> None:
    options = {"user": "bridge", "password_file": password_file(tmp_path, "right")}
    with pytest.raises(InputError, match="loopback only") as error:
        OpcuaDriver.of_site(make_site("opc.tcp://10.0.0.7:4840", {"flow": {}}, opcua=options))
    assert "right" not in str(error.value)


def test_a_secret_never_shows(make_site, tmp_path) -> None:
    options = {"user": "bridge", "password_file": password_file(tmp_path, "right")}
    driver = OpcuaDriver.of_site(make_site("opc.tcp://127.0.0.1:4840", {"flow": {}}, opcua=options))
    assert "right" not in repr(driver._plan)
    with pytest.raises(InputError, match=r"opcua\.password_file") as error:
        OpcuaDriver.of_site(make_site("opc.tcp://bridge:right@127.0.0.1:4840", {"flow": {}}))
    assert "right" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [("right", 0o640, "open to others.*mode 600.*640"), ("right", 0o604, "open to others"), ("\n", 0o600, "is empty")],
)
def test_a_password_file_is_private_and_holds_one(make_site, tmp_path, text, mode, told) -> None:
    options = {"user": "bridge", "password_file": password_file(tmp_path, text, mode)}
    with pytest.raises(InputError, match=told) as error:
        OpcuaDriver.of_site(make_site("opc.tcp://127.0.0.1:4840", {"flow": {}}, opcua=options))
    assert error.value.where == str(tmp_path / "password")


def test_every_file_of_a_channel_is_checked_before_anything_starts(make_site, keys, tmp_path) -> None:
    def refusal(**changed: str) -> str:
        options = {"security": said(keys) | changed}
        with pytest.raises(InputError) as error:
            OpcuaDriver.of_site(make_site("opc.tcp://127.0.0.1:4840", {"flow": {}}, opcua=options))
        return str(error.value)

    junk = tmp_path / "junk"
    junk.write_text("junk")
    junk.chmod(0o600)
    open_key = tmp_path / "open"
    open_key.write_bytes(keys.bridge[1].read_bytes())
    open_key.chmod(0o644)
    assert "private key is open to others" in refusal(private_key=str(open_key))
    assert "private key cannot be read" in refusal(private_key=str(junk))
    assert "private key is not that of the certificate" in refusal(private_key=str(keys.stranger[1]))
    assert "certificate cannot be read" in refusal(certificate=str(junk))
    assert "certificate cannot be read" in refusal(certificate=str(tmp_path / "none"))
    assert "certificate cannot be read" in refusal(server_certificate=str(junk))
    assert "fingerprint cannot be read" in refusal(server_certificate="sha256:abcd")
