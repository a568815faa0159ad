"""Our proof machinery beside what it stands on."""
