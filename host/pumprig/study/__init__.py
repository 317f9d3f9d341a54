"""Many rehearsals with drawn seeds, faults and heads, and what they say together."""
