"""Traffic from Eclipse SUMO: networks, demand, runs. Needed only where a scenario is made anew."""
