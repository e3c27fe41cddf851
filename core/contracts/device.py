"""How a site's devices are spoken to: what a site file may say under `modbus` and `opcua`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
SecretName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_./-]{0,127}$")]
"""A secret of the bridge's vault; the secret itself stands in no site file."""
Order = Literal["abcd", "cdab", "badc", "dcba"]
"""How bytes of a value follow each other on the wire, `a` the most significant: `cdab` swaps words, `badc` bytes."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SerialLine(_Model):
    """A serial line; what is not said is as MODBUS over Serial Line V1.02, section 2.5.1 has it."""

    baud_rate: int = Field(default=19_200, ge=300, le=4_000_000)
    parity: Literal["even", "odd", "none"] = "even"
    stop_bits: Literal[1, 2] = 1
    data_bits: Literal[7, 8] = 8


class ModbusOptions(_Model):
    """What differs from the standard profile; unset means the profile's own."""

    order: Order = "abcd"
    """Order of every value whose address names none."""
    request_timeout_s: Positive | None = None
    max_registers: int | None = Field(default=None, ge=1, le=125)
    """Registers that the device serves in one read."""
    max_bits: int | None = Field(default=None, ge=1, le=2_000)
    """Coils or discrete inputs that the device serves in one read."""
    max_gap: int | None = Field(default=None, ge=0, le=124)
    """Registers that may be read in vain to save a request."""
    max_connections: int | None = Field(default=None, ge=1, le=64)
    """Connections that the device takes: slow units get one of their own."""
    serial: SerialLine | None = None


class Deadband(_Model):
    """Change below which an OPC UA server keeps silent: an amount, or a percentage of the node's EURange."""

    absolute: Positive | None = None
    percent: Annotated[float, Field(gt=0, le=100)] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Deadband:
        if (self.absolute is None) == (self.percent is None):
            raise ValueError("either `absolute` or `percent`")
        return self


class OpcuaSecurity(_Model):
    """A channel that is signed, and encrypted unless the site file says otherwise."""

    policy: Literal["basic256sha256"] = "basic256sha256"
    mode: Literal["sign", "sign_and_encrypt"] = "sign_and_encrypt"
    certificate: Path
    """The bridge's own certificate, PEM or DER; relative paths start at the site file."""
    private_key_secret: SecretName
    """Name of its key in the bridge's vault, PEM."""
    server_certificate: str
    """The one server to talk to: file of its certificate, or `sha256:` and the fingerprint in hexadecimal."""


class OpcuaOptions(_Model):
    """What differs from the profile; unset means the profile's own."""

    profile: str = "standard"
    """Kind of server; the driver knows the names."""
    security: OpcuaSecurity | None = None
    """Unset: the channel is neither signed nor encrypted."""
    user: Annotated[str, Field(min_length=1)] | None = None
    password_secret: SecretName | None = None
    """Name of the user's password in the bridge's vault."""
    publishing_interval_s: Positive | None = None
    sampling_interval_s: Positive | None = None
    """How often the server looks at a value; unset is as fast as it can."""
    request_timeout_s: Positive | None = None
    max_items_per_call: int | None = Field(default=None, ge=1)
    max_nodes_per_read: int | None = Field(default=None, ge=1)
    max_nodes_per_history_read: int | None = Field(default=None, ge=1)
    max_paths_per_call: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _password_has_a_user(self) -> OpcuaOptions:
        if (self.user is None) != (self.password_secret is None):
            raise ValueError("`user` and `password_secret` belong together")
        return self

    def beside(self, folder: Path) -> OpcuaOptions:
        """The same with relative paths starting at a folder."""
        security = self.security
        if security is not None:
            pin = security.server_certificate
            security = security.model_copy(
                update={
                    "certificate": folder / security.certificate,
                    "server_certificate": pin if pin.startswith("sha256:") else str(folder / pin),
                }
            )
        return self.model_copy(update={"security": security})
