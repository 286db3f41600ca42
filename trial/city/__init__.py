"""The trial city: Lu'an with its real villages, residents nobody ever was, their PostgreSQL, and the city's declaration."""
