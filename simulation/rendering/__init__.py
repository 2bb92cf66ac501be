"""Pictures of the city: vehicles with all their details, streets, light, and the cameras' own faults."""
