"""The catalog: what is known of every relic, and which stage has it."""
