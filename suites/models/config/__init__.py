"""Read a Hugging Face configuration into a geometry: what decides are its fields."""

from suites.models.config.reader import (
    Configuration,
    read_config,
    read_configuration,
    read_precision,
)

__all__ = ["Configuration", "read_config", "read_configuration", "read_precision"]
