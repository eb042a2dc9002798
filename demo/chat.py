"""Runs in a pod: asks one question through the Service and prints the answer as it arrives, piece by piece.

Usage: chat.py BASE_URL MODEL QUESTION. Exit status 1 when the answer came in fewer than two pieces.
"""

import sys
import time

import openai


def main(url: str, model: str, question: str) -> int:
    """Print each piece with the moment of its arrival, then how many there were."""
    client = openai.OpenAI(base_url=url, api_key="none", timeout=120)
    start = time.monotonic()
    arrivals: list[float] = []
    texts: list[str] = []
    stream = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": question}], max_tokens=60, temperature=0, stream=True
    )
    for chunk in stream:
        text = chunk.choices[0].delta.content if chunk.choices else None
        if not text:
            continue
        now = time.monotonic() - start
        # Events of one HTTP piece arrive within a millisecond of each other; a gap begins the next piece.
        if not arrivals or now - arrivals[-1] > 0.005:  # noqa: PLR2004
            sys.stdout.write(f"\n  {now:5.2f} s  ")
        arrivals.append(now)
        texts.append(text)
        sys.stdout.write(text)
        sys.stdout.flush()
    pieces = sum(later - earlier > 0.005 for earlier, later in zip(arrivals, arrivals[1:])) + 1  # noqa: PLR2004, B905, RUF007
    sys.stdout.write(f"\n\n  {len(arrivals)} tokens in {pieces} pieces over {arrivals[-1]:.2f} s\n")
    return 0 if pieces > 1 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
