// How things look. Nothing is told by colour alone: each has its shape, pattern or sign as well.

const BAND_LOOKS = {
  CREATED: { name: "created", hatch: "slant" },
  RUNNING: { name: "running", hatch: "solid" },
  READY: { name: "running", hatch: "solid" },
  EXITED: { name: "exited", hatch: "dots" },
  NOTREADY: { name: "exited", hatch: "dots" },
  UNKNOWN: { name: "unknown", hatch: "cross" },
};

function hatch(ink, kind, x, y, w, h) {
  ink.globalAlpha = 0.3;
  ink.lineWidth = 1;
  ink.beginPath();
  const from = Math.floor((x - h) / 8) * 8;
  if (kind === "slant" || kind === "cross") {
    for (let at = from; at < x + w; at += 8) { ink.moveTo(at, y + h); ink.lineTo(at + h, y); }
  }
  if (kind === "cross") {
    for (let at = from; at < x + w; at += 8) { ink.moveTo(at, y); ink.lineTo(at + h, y + h); }
  }
  ink.stroke();
  if (kind === "dots") {
    for (let at = Math.ceil(x / 7) * 7; at < x + w; at += 7) {
      for (let down = y + 5; down < y + h; down += 7) ink.fillRect(at, down, 1.4, 1.4);
    }
  }
  ink.globalAlpha = 1;
}

function lookOf(bar) {
  if (bar.outcome === "lost") return { fill: "lost", edge: "error", ink: "error", dash: true, glyph: "gap" };
  if (bar.outcome === "cancelled") {
    return { fill: "cancelled", edge: "cancelled", ink: "cancelled-ink", glyph: "stop" };
  }
  if (bar.outcome === "error") return { fill: "error", edge: "error", ink: "error-ink", glyph: "cross" };
  if (bar.read || bar.stream) return { fill: "read", edge: "read-edge", ink: "read-ink", open: bar.outcome === "open" };
  return { fill: "call", edge: "call", ink: "call-ink", open: bar.outcome === "open" };
}

function paintBar(ink, colour, look, x, y, w, h, shift = 0) {
  ink.beginPath();
  if (look.open) {
    // An arrow: it goes on.
    const tip = Math.min(7, w / 2);
    ink.moveTo(x, y); ink.lineTo(x + w - tip, y); ink.lineTo(x + w, y + h / 2);
    ink.lineTo(x + w - tip, y + h); ink.lineTo(x, y + h); ink.closePath();
  } else {
    ink.roundRect(x, y, w, h, Math.min(3, w / 2));
  }
  ink.fillStyle = colour[look.fill];
  ink.fill();
  ink.strokeStyle = colour[look.edge];
  ink.lineWidth = look.dash ? 1.5 : 1;
  ink.setLineDash(look.dash ? [4, 2.5] : []);
  ink.stroke();
  ink.setLineDash([]);
  if (look.glyph && w >= 12 + shift) {
    paintGlyph(ink, colour[look.ink], look.glyph, x + 8 + shift, y + h / 2);
  }
}

function paintGlyph(ink, colour, glyph, x, y) {
  ink.strokeStyle = colour;
  ink.lineWidth = 1.8;
  ink.beginPath();
  if (glyph === "cross") {
    ink.moveTo(x - 3, y - 3); ink.lineTo(x + 3, y + 3);
    ink.moveTo(x + 3, y - 3); ink.lineTo(x - 3, y + 3);
  } else if (glyph === "stop") {
    ink.arc(x, y, 3.6, 0, 2 * Math.PI);
    ink.moveTo(x - 2.5, y + 2.5); ink.lineTo(x + 2.5, y - 2.5);
  } else {
    // An arrow that breaks off.
    ink.moveTo(x - 4, y); ink.lineTo(x - 0.5, y);
    ink.moveTo(x + 2, y - 3); ink.lineTo(x + 4.5, y); ink.lineTo(x + 2, y + 3);
  }
  ink.stroke();
}

function paintFault(ink, colour, x, y) {
  ink.beginPath();
  ink.moveTo(x, y - 5.5); ink.lineTo(x + 5.5, y); ink.lineTo(x, y + 5.5); ink.lineTo(x - 5.5, y);
  ink.closePath();
  ink.fillStyle = colour.fault;
  ink.fill();
  ink.strokeStyle = colour["fault-edge"];
  ink.lineWidth = 1.2;
  ink.stroke();
}

function paintMark(ink, colour, mark, x, y) {
  if (mark.kind === "event") return paintEvent(ink, colour, mark.title, x, y);
  if (mark.kind === "fault") return paintFault(ink, colour, x, y);
  if (mark.kind === "state") return paintBolt(ink, colour, x, y);
  ink.fillStyle = ink.strokeStyle = colour[mark.kind === "clock" ? "clock" : "rule"];
  ink.lineWidth = 1.6;
  ink.beginPath();
  if (mark.kind === "clock") {
    ink.arc(x, y, 4.5, 0, 2 * Math.PI);
    ink.moveTo(x, y - 3); ink.lineTo(x, y); ink.lineTo(x + 2.4, y);
    return ink.stroke();
  }
  ink.rect(x - 1, y - 5, 2, 10);
  ink.moveTo(x + 1, y - 5); ink.lineTo(x + 7, y - 2.5); ink.lineTo(x + 1, y);
  return ink.fill();
}

function paintEvent(ink, colour, title, x, y) {
  ink.fillStyle = ink.strokeStyle = colour.event;
  ink.lineWidth = 1.8;
  ink.beginPath();
  if (title.endsWith("started")) {
    ink.moveTo(x - 3.5, y - 4.5); ink.lineTo(x + 4.5, y); ink.lineTo(x - 3.5, y + 4.5); ink.closePath();
    return ink.fill();
  }
  if (title.endsWith("stopped")) {
    ink.rect(x - 3.8, y - 3.8, 7.6, 7.6);
    return ink.fill();
  }
  if (title.endsWith("deleted")) {
    ink.moveTo(x - 3.5, y - 3.5); ink.lineTo(x + 3.5, y + 3.5);
    ink.moveTo(x + 3.5, y - 3.5); ink.lineTo(x - 3.5, y + 3.5);
    return ink.stroke();
  }
  ink.arc(x, y, 3.6, 0, 2 * Math.PI);
  return ink.stroke();
}

function paintBolt(ink, colour, x, y) {
  ink.beginPath();
  ink.moveTo(x + 2, y - 7); ink.lineTo(x - 4.5, y + 1.2); ink.lineTo(x - 0.4, y + 1.2);
  ink.lineTo(x - 2, y + 7); ink.lineTo(x + 4.5, y - 1.6); ink.lineTo(x + 0.5, y - 1.6);
  ink.closePath();
  ink.fillStyle = colour.state;
  ink.fill();
  ink.strokeStyle = colour.ground;
  ink.lineWidth = 1;
  ink.stroke();
}
