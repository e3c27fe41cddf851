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
from bridge.vault import BridgeVault
from core.errors import InputError


class Doorman:
    """Knows one user, and lets nobody in without a name."""

    def get_user(self, iserver, username=None, password=None, certificate=None) -> User | None:
        return User(role=UserRole.User) if (username, password) == ("bridge", "right") else None


def said(keys, mode: str = "sign_and_encrypt", pin: str | None = None, who: str = "bridge") -> dict[str, str]:
    certificate, _ = getattr(keys, who)
    return {
        "mode": mode,
        "certificate": str(certificate),
        "private_key_secret": "plc/key",
        "server_certificate": pin or str(keys.server[0]),
    }


@pytest.fixture
def vault(tmp_path: Path, keys) -> BridgeVault:
    """Holds the bridge's key and the right password."""
    made = BridgeVault(tmp_path / "home")
    made.put("plc/key", keys.bridge[1].read_text())
    made.put("plc/password", "right")
    return made


USER = {"user": "bridge", "password_secret": "plc/password"}


async def values(form, until, vault) -> list[float | None]:
    async with OpcuaDriver.of_site(form, secrets=vault) as driver:
        await driver.connect({}, 0)
        return [one.value for one in await until(driver, bool)]


@pytest.mark.parametrize("mode", ["sign", "sign_and_encrypt"])
@pytest.mark.parametrize("pinned", ["file", "fingerprint"])
async def test_a_secure_channel_to_the_server_that_is_known(plant, keys, make_site, until, vault, mode, pinned) -> None:
    await plant.start(keys.server, flow=1.5)
    fingerprint = f"sha256:{hashlib.sha256(keys.server[0].read_bytes()).hexdigest()}"
    security = said(keys, mode, fingerprint if pinned == "fingerprint" else None)
    form = make_site(plant.endpoint, {"flow": {}}, opcua={"security": security})
    assert set(await values(form, until, vault)) == {1.5}
    assert plant.server.iserver.certificate is not None


async def test_another_server_is__anything_is_said(plant, keys, make_site, vault) -> None:
    await plant.start(keys.stranger, flow=1.5)
    options = {"security": said(keys), **USER}
    driver = OpcuaDriver.of_site(make_site(plant.endpoint, {"flow": {}}, opcua=options), secrets=vault)
    received = hashlib.sha256(keys.stranger[0].read_bytes()).hexdigest()
    with pytest.raises(DeviceRefusedError, match=f"not the one that is known.*{received}"):
        await driver.connect({}, 0)


async def test_a_server_without_a_secure_channel_is_refused(plant, keys, make_site, vault) -> None:
    await plant.start(flow=1.5)
    driver = OpcuaDriver.of_site(make_site(plant.endpoint, {"flow": {}}, opcua={"security": said(keys)}), secrets=vault)
    with pytest.raises(DeviceRefusedError, match=r"no such channel.*Basic256Sha256, SignAndEncrypt.*None"):
        await driver.connect({}, 0)


async def test_a_server_that_does_not_trust_the_bridge_says_so(plant, keys, make_site, vault) -> None:
    async def distrust(certificate: object, description: object) -> None:
        raise ServiceError(ua.StatusCodes.BadCertificateUntrusted)

    plant.server.set_certificate_validator(distrust)
    await plant.start(keys.server, flow=1.5)
    driver = OpcuaDriver.of_site(make_site(plant.endpoint, {"flow": {}}, opcua={"security": said(keys)}), secrets=vault)
    with pytest.raises(DeviceRefusedError, match=r"refuses the bridge's certificate.*trust"):
        await driver.connect({}, 0)


@pytest.mark.parametrize("secured", [True, False])
async def test_a_user_and_a_password(plant, keys, make_site, until, vault, secured) -> None:
    plant.server = Server(user_manager=Doorman())
    await plant.start(keys.server if secured else None, flow=1.5)
    form = make_site(plant.endpoint, {"flow": {}}, opcua=USER | ({"security": said(keys)} if secured else {}))
    driver = OpcuaDriver.of_site(form, secrets=vault)
    await driver.connect({}, 0)
    await driver.close()
    vault.put("plc/password", "wrong")
    with pytest.raises(DeviceRefusedError, match="refuses the user") as error:
        await driver.connect({}, 0)
    assert "wrong" not in str(error.value)
    vault.remove("plc/password")
    with pytest.raises(DeviceRefusedError, match="no such secret"):
        await driver.connect({}, 0)
    vault.put("plc/password", "right")
    async with driver:
        await driver.connect({}, 0)
        assert {one.value for one in await until(driver, bool)} == {1.5}
    with pytest.raises(DeviceRefusedError, match="refuses the user"):
        await OpcuaDriver.of_site(make_site(plant.endpoint, {"flow": {}})).connect({}, 0)


async def test_a_server_that_is_away_is_lost_however_secure(build, keys, make_site, vault) -> None:
    form = make_site(f"opc.tcp://127.0.0.1:{build.free_port()}", {"flow": {}}, opcua={"security": said(keys)})
    with pytest.raises(DeviceLostError, match="cannot be reached"):
        await OpcuaDriver.of_site(form, secrets=vault).connect({}, 0)


def test_a_password_travels_only_through_a_secure_channel(make_site, vault) -> None:
    with pytest.raises(InputError, match="loopback only"):
        OpcuaDriver.of_site(make_site("opc.tcp://10.0.0.7:4840", {"flow": {}}, opcua=USER), secrets=vault)


def test_a_secret_never_shows(make_site, vault) -> None:
    driver = OpcuaDriver.of_site(make_site("opc.tcp://127.0.0.1:4840", {"flow": {}}, opcua=USER), secrets=vault)
    assert "right" not in repr(driver._plan)
    with pytest.raises(InputError, match=r"opcua\.password_secret") as error:
        OpcuaDriver.of_site(make_site("opc.tcp://bridge:right@127.0.0.1:4840", {"flow": {}}))
    assert "right" not in str(error.value)


def test_a_secret_that_is_not_there_is_named_before_anything_starts(make_site, vault) -> None:
    vault.remove("plc/password")
    form = make_site("opc.tcp://127.0.0.1:4840", {"flow": {}}, opcua=USER)
    with pytest.raises(InputError, match="platform bridge secret set plc/password"):
        OpcuaDriver.of_site(form, secrets=vault)
    with pytest.raises(InputError, match="there is no vault"):
        OpcuaDriver.of_site(form)


def test_everything_of_a_channel_is_checked_before_anything_starts(make_site, keys, vault, tmp_path) -> None:
    def refusal(**changed: str) -> str:
        options = {"security": said(keys) | changed}
        with pytest.raises(InputError) as error:
            OpcuaDriver.of_site(make_site("opc.tcp://127.0.0.1:4840", {"flow": {}}, opcua=options), secrets=vault)
        return str(error.value)

    junk = tmp_path / "junk"
    junk.write_text("junk")
    vault.put("junk", "junk of a key")
    vault.put("stranger", keys.stranger[1].read_text())
    assert "no such secret" in refusal(private_key_secret="none")
    told = refusal(private_key_secret="junk")
    assert "private key cannot be read" in told
    assert "junk of a key" not in told
    assert "private key is not that of the certificate" in refusal(private_key_secret="stranger")
    assert "certificate cannot be read" in refusal(certificate=str(junk))
    assert "certificate cannot be read" in refusal(certificate=str(tmp_path / "none"))
    assert "certificate cannot be read" in refusal(server_certificate=str(junk))
    assert "fingerprint cannot be read" in refusal(server_certificate="sha256:abcd")
