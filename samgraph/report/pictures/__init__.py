"""What the report draws, and the part of plotly.js that it needs."""
