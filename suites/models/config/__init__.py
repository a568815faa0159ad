"""Read a Hugging Face configuration into a geometry: what decides are its fields."""

from suites.models.config.reader import read_config, read_configuration

__all__ = ["read_config", "read_configuration"]
