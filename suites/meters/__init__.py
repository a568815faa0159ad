"""Energy: real meters where this machine has them, bounds from nameplate power where not."""
