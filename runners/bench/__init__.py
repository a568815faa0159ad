"""Our runner beside what people would use instead."""
