"""How the product is watched: metrics, health over HTTP, logs."""
