"""A flame graph of folded stacks as one SVG file: each frame as wide as the time spent in and below it."""
import html

WIDTH, ROW, CHAR = 1400, 17, 6.6
LEAST = 0.0005  # share of the whole below which a frame is not drawn


class Node:
    def __init__(self, name):
        self.name, self.value, self.kids = name, 0.0, {}

    def add(self, frames, value):
        at = self
        at.value += value
        for f in frames:
            at = at.kids.setdefault(f, Node(f))
            at.value += value

    def depth(self, least):
        return 1 + max((k.depth(least) for k in self.kids.values() if k.value >= least), default=0)


def colour(name, layer):
    """Warm, one hue a layer, so that a layer is one patch over all its frames."""
    hue = sum(ord(c) * (i + 7) for i, c in enumerate(layer)) * 37 % 360
    light = 62 + sum(map(ord, name)) % 18
    return f"hsl({hue},65%,{light}%)"


def draw(out, node, x, level, height, scale, unit, layer=""):
    w = node.value * scale
    y = height - (level + 1) * ROW
    label = html.escape(f"{node.name}: {node.value:.2f} {unit}")
    out.append(f'<g><title>{label}</title><rect x="{x:.1f}" y="{y}" width="{w:.1f}" height="{ROW - 1}" '
               f'fill="{colour(node.name, layer)}"/>')
    fits = int((w - 4) / CHAR)
    if fits >= 3:
        text = node.name if len(node.name) <= fits else node.name[:fits - 1] + "…"
        out.append(f'<text x="{x + 2:.1f}" y="{y + ROW - 5}">{html.escape(text)}</text>')
    out.append("</g>")
    for kid in sorted(node.kids.values(), key=lambda k: k.name):
        if kid.value * scale >= LEAST * WIDTH:
            draw(out, kid, x, level + 1, height, scale, unit, layer or kid.name)
        x += kid.value * scale


def svg(stacks, title, unit):
    """`stacks` maps tuples of frames, outermost first, to values in `unit`; the first frame gives all above it
    their colour."""
    root = Node("all")
    for frames, value in stacks.items():
        root.add(frames, value)
    scale = WIDTH / root.value if root.value else 0
    height = (root.depth(LEAST * root.value) + 2) * ROW
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
           f'viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="11">',
           '<rect width="100%" height="100%" fill="#fff"/>', f'<text x="4" y="13">{html.escape(title)}</text>']
    draw(out, root, 0.0, 0, height, scale, unit)
    out.append("</svg>")
    return "\n".join(out) + "\n"
