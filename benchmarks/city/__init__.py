"""How right, how soon and how sure the product is in a city of which the truth is known."""
