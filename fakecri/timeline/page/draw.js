// Paints what is visible of the lanes on the canvas, and keeps what was painted where.

const LEAST_BAR_PX = 4;
const SMALL_FONT = '10px system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif';
const FONT = '11px system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif';

class Painter {
  constructor(canvas) {
    this.canvas = canvas;
    this.ink = canvas.getContext("2d");
    this.targets = [];
    this.learnColours();
  }

  learnColours() {
    const style = getComputedStyle(document.documentElement);
    const names = ["ground", "lane", "lane-pod", "line", "grid", "ink", "faint", "focus", "call",
      "call-ink", "read", "read-edge", "read-ink", "error", "error-ink", "lost", "cancelled",
      "cancelled-ink", "fault", "fault-edge", "event", "message", "state", "clock", "rule",
      "running", "running-edge", "created", "created-edge", "exited", "exited-edge", "unknown",
      "unknown-edge", "pick"];
    const values = {};
    for (const name of names) values[name] = style.getPropertyValue(`--${name}`).trim();
    this.colour = values;
  }

  // `view` is { from, to } on the axis; `top` how far the lanes are scrolled.
  paint(model, view, top, width, height, picked) {
    const { ink } = this;
    this.model = model;
    this.view = view;
    this.width = width;
    this.height = height;
    this.top = top;
    this.bottom = Math.min(height, model.height - top);
    this.picked = picked;
    this.targets = [];
    const ratio = window.devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * ratio)) this.canvas.width = Math.round(width * ratio);
    if (this.canvas.height !== Math.round(height * ratio)) this.canvas.height = Math.round(height * ratio);
    ink.setTransform(ratio, 0, 0, ratio, 0, 0);
    ink.font = FONT;
    ink.textBaseline = "middle";
    ink.fillStyle = this.colour.ground;
    ink.fillRect(0, 0, width, height);
    const shown = model.visible.filter((index) => {
      const lane = model.lanes[index];
      return lane.y + lane.height > top + AXIS_PX && lane.y < top + height;
    });
    for (const index of shown) this.#ground(model.lanes[index]);
    const ticks = this.#ticks();
    this.#grid(ticks);
    for (const index of shown) this.#bands(index);
    this.#outages();
    this.#globals(false);
    for (const index of shown) this.#lane(index);
    this.#axis(ticks);
    this.#globals(true);
  }

  x(place) {
    return ((place - this.view.from) / (this.view.to - this.view.from)) * this.width;
  }

  // The topmost thing under a point.
  under(x, y) {
    for (let i = this.targets.length - 1; i >= 0; i -= 1) {
      const target = this.targets[i];
      if (x >= target.x - 1 && x <= target.x + target.w + 1 && y >= target.y && y <= target.y + target.h) {
        return target.item;
      }
    }
    return null;
  }

  #target(item, x, y, w, h) {
    this.targets.push({ item, x, y, w, h });
  }

  #ground(lane) {
    const { ink, colour } = this;
    const y = lane.y - this.top;
    ink.fillStyle = lane.kind === "container" ? colour.ground : colour.lane;
    ink.fillRect(0, y, this.width, lane.height);
    ink.fillStyle = lane.kind === "container" ? colour.grid : colour.line;
    ink.fillRect(0, y + (lane.kind === "container" ? lane.height - 1 : 0), this.width, 1);
  }

  // Bands: colour, pattern and a word.

  #bands(index) {
    const { model } = this;
    const lane = model.lanes[index];
    for (const band of model.laneBands[index]) {
      const x = Math.max(this.x(model.at(band.begin)), -2);
      const end = Math.min(this.x(model.endOf(band)), this.width + 2);
      if (end < 0 || x > this.width) continue;
      this.#band(band, x, lane.y - this.top + 2, Math.max(end - x, 1), lane.height - 4);
    }
  }

  #band(band, x, y, w, h) {
    const { ink, colour } = this;
    const look = BAND_LOOKS[band.state] || BAND_LOOKS.UNKNOWN;
    ink.fillStyle = colour[look.name];
    ink.fillRect(x, y, w, h);
    ink.save();
    ink.beginPath();
    ink.rect(x, y, w, h);
    ink.clip();
    ink.strokeStyle = ink.fillStyle = colour[`${look.name}-edge`];
    hatch(ink, look.hatch, x, y, w, h);
    ink.fillRect(x, y, 2, h);
    ink.fillRect(x, y + h - 2, w, look.hatch === "solid" ? 2 : 1);
    ink.font = SMALL_FONT;
    const said = band.note ? `${band.state.toLowerCase()} ${band.note}` : band.state.toLowerCase();
    const from = this.#free(band.lane, Math.max(x, 0) + 6);
    ink.fillStyle = colour.faint;
    if (from + ink.measureText(said).width + 4 < x + w) ink.fillText(said, from, y + h - 9);
    ink.font = FONT;
    ink.restore();
    if (this.picked === band) this.#frame(x, y, w, h);
    this.#target(band, x, y, w, h);
  }

  // Where a word can begin without running into the marks that are about there.
  #free(lane, x) {
    let from = x;
    for (const mark of this.model.laneMarks[lane]) {
      const at = this.x(this.model.at(mark.index));
      if (at > from - 14 && at < from + 12) from = at + 9;
    }
    return from;
  }

  // Lanes: calls, then what happened at one place.

  #lane(index) {
    const { model } = this;
    const lane = model.lanes[index];
    const lastX = [];
    const bars = model.laneBars[index].filter((bar) => model.shows(bar));
    const rooms = this.#rooms(bars);
    for (const bar of bars) {
      const x = this.x(model.at(bar.begin));
      const end = this.x(model.endOf(bar));
      if (end < -LEAST_BAR_PX || x > this.width) continue;
      const w = Math.max(end - x, LEAST_BAR_PX);
      // Plain calls closer than a pixel to another are not to be told apart: one of them is enough.
      if (bar.plain && w <= LEAST_BAR_PX && lastX[bar.row] !== undefined && x - lastX[bar.row] < 1.5 && this.picked !== bar) continue;
      lastX[bar.row] = x;
      this.#bar(bar, x, lane.y - this.top + PAD_PX + bar.row * ROW_PX, w, rooms.get(bar));
    }
    const y = lane.y - this.top + lane.height - PAD_PX - MARKS_PX / 2 - 1;
    let last = null;
    for (const mark of model.laneMarks[index]) {
      if (mark.kind === "fault" && mark.call !== null) continue;
      const x = this.x(model.at(mark.index));
      if (x < -8 || x > this.width + 8) continue;
      if (last && x - last.x < 1.5 && last.title === mark.title && this.picked !== mark) continue;
      last = { x, title: mark.title };
      this.#mark(mark, x, y);
    }
  }

  // Up to where the words of a bar may stand that has no room for them within.
  #rooms(bars) {
    const next = [], rooms = new Map();
    for (let i = bars.length - 1; i >= 0; i -= 1) {
      rooms.set(bars[i], next[bars[i].row] ?? this.width);
      next[bars[i].row] = this.x(this.model.at(bars[i].begin));
    }
    return rooms;
  }

  #bar(bar, x, y, w, until) {
    const { ink, colour, model } = this;
    const left = Math.max(x, -4), right = Math.min(x + w, this.width + 4);
    paintBar(ink, colour, lookOf(bar), left, y, right - left, BAR_PX, bar.faults.length ? 9 : 0);
    for (const index of bar.messages) {
      const at = this.x(model.at(index));
      if (at >= 0 && at <= this.width) {
        ink.fillStyle = colour.message;
        ink.fillRect(at - 1, y + BAR_PX - 4, 2, 4);
      }
    }
    this.#words(bar, left, y, right - left, until);
    this.#target(bar, left, y, right - left, BAR_PX);
    for (const index of bar.faults) {
      const at = Math.min(Math.max(this.x(model.at(index)), left + 5), Math.max(right - 4, left + 5));
      paintFault(ink, colour, at, y + 3);
    }
    if (model.hits(bar)) {
      ink.strokeStyle = colour.fault;
      ink.lineWidth = 1.5;
      ink.strokeRect(left - 1.5, y - 1.5, right - left + 3, BAR_PX + 3);
    }
    if (this.picked === bar) this.#frame(left, y, right - left, BAR_PX);
  }

  #words(bar, x, y, w, until) {
    const { ink, colour } = this;
    const look = lookOf(bar);
    const lead = 5 + (look.glyph && w >= 12 ? 11 : 0) + (bar.faults.length ? 9 : 0);
    const full = `${bar.rpc}${bar.subject ? ` ${bar.subject}` : ""}${bar.error ? ` ${bar.error[0]}` : ""}`;
    const long = bar.took_ns > 0 ? `${full} · ${span(bar.took_ns)}` : full;
    const within = cut(ink, long, w - lead - 4);
    const beside = within.length < bar.rpc.length ? cut(ink, long, until - x - w - 10) : "";
    if (beside.length > within.length) {
      ink.fillStyle = colour.ink;
      ink.fillText(beside, x + w + 5 + (bar.faults.length ? 4 : 0), y + BAR_PX / 2 + 0.5);
    } else {
      ink.fillStyle = colour[look.ink];
      ink.fillText(within, Math.max(x + lead, 4), y + BAR_PX / 2 + 0.5);
    }
  }

  #mark(mark, x, y) {
    const { ink, colour } = this;
    paintMark(ink, colour, mark, x, y);
    if (this.picked === mark) this.#frame(x - 5, y - 5, 10, 10);
    this.#target(mark, x - 6, y - 7, 12, 14);
  }

  #frame(x, y, w, h) {
    const { ink, colour } = this;
    ink.strokeStyle = colour.ground;
    ink.lineWidth = 4;
    ink.strokeRect(x - 2, y - 2, w + 4, h + 4);
    ink.strokeStyle = colour.pick;
    ink.lineWidth = 2;
    ink.strokeRect(x - 2, y - 2, w + 4, h + 4);
  }

  // While the runtime is away.
  #outages() {
    const { ink, colour, model } = this;
    for (const outage of model.outages) {
      const x = Math.max(this.x(model.at(outage.begin)), -2);
      const w = Math.min(this.x(model.endOf(outage)), this.width + 2) - x;
      if (w <= 0) continue;
      ink.save();
      ink.beginPath();
      ink.rect(x, AXIS_PX, w, this.bottom - AXIS_PX);
      ink.clip();
      ink.globalAlpha = 0.12;
      ink.fillStyle = ink.strokeStyle = colour.state;
      ink.fillRect(x, AXIS_PX, w, this.bottom - AXIS_PX);
      hatch(ink, "slant", x, AXIS_PX, w, this.bottom - AXIS_PX);
      ink.restore();
    }
  }

  // What concerns every lane, as a line from top to bottom with a flag.

  #globals(flags) {
    const { ink, colour, model } = this;
    let free = -Infinity;
    for (const mark of model.globals) {
      const x = this.x(model.at(mark.index));
      if (x < -200 || x > this.width) continue;
      const clock = mark.kind === "clock";
      ink.strokeStyle = ink.fillStyle = colour[clock ? "clock" : "state"];
      if (!flags) {
        ink.lineWidth = clock ? 1.5 : 2;
        ink.setLineDash(clock ? [5, 4] : []);
        ink.beginPath();
        ink.moveTo(x, AXIS_PX);
        ink.lineTo(x, this.bottom);
        ink.stroke();
        ink.setLineDash([]);
        continue;
      }
      const said = mark.title.replace(/^(state|clock) /, "");
      // Flags that would cover one another stand side by side.
      const from = Math.max(x - 1, free), w = ink.measureText(said).width + 10;
      if (from - x > 200) continue;
      free = from + w + 3;
      ink.fillRect(x - 1, 16, from - x + 2, 2);
      ink.fillRect(from, 2, w, 16);
      ink.fillStyle = colour.ground;
      ink.fillText(said, from + 5, 10.5);
      if (this.picked === mark) this.#frame(from, 2, w, 16);
      this.#target(mark, from, 0, w, 18);
    }
  }

  // The axis: times in seconds, where virtual time moves.

  #ticks() {
    return this.model.axis === "time" ? this.#timeTicks() : this.#orderTicks();
  }

  #timeTicks() {
    const { view, model } = this;
    const first_ns = model.records.length ? model.records[0].v : 0;
    const least = ((view.to - view.from) / this.width) * 90;
    const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= least);
    const ticks = [];
    for (let ns = Math.ceil((view.from + first_ns) / step) * step; ns <= view.to + first_ns; ns += step) {
      ticks.push({ x: this.x(ns - first_ns), text: span(ns) });
    }
    return ticks;
  }

  #orderTicks() {
    const { model, view } = this;
    const ticks = [];
    const wide_ns = model.timeAt(view.to) - model.timeAt(view.from);
    let free = -Infinity, last = -Infinity, before = null;
    for (let index = Math.max(model.indexAt(view.from) - 1, 0); index < model.records.length; index += 1) {
      const place = model.at(index);
      if (place > view.to) break;
      const { v } = model.records[index];
      const x = this.x(place);
      if (v === before || x - last < 20 || model.steps[index] === 0) continue;
      before = v;
      last = x;
      const text = x >= free ? tickSpan(v, wide_ns) : "";
      if (text) free = x + this.ink.measureText(text).width + 12;
      ticks.push({ x, text });
    }
    return ticks;
  }

  #grid(ticks) {
    const { ink, colour } = this;
    ink.fillStyle = colour.grid;
    for (const { x } of ticks) ink.fillRect(Math.round(x), AXIS_PX, 1, this.bottom - AXIS_PX);
  }

  #axis(ticks) {
    const { ink, colour } = this;
    ink.fillStyle = colour.ground;
    ink.fillRect(0, 0, this.width, AXIS_PX);
    ink.fillStyle = colour.line;
    ink.fillRect(0, AXIS_PX - 1, this.width, 1);
    for (const { x, text } of ticks) {
      ink.fillStyle = text ? colour.faint : colour.line;
      ink.fillRect(Math.round(x), AXIS_PX - (text ? 6 : 3), 1, text ? 6 : 3);
      if (text) ink.fillText(text, Math.round(x) + 4, AXIS_PX - 9);
    }
  }
}

function cut(ink, text, room) {
  if (room < 20) return "";
  if (ink.measureText(text).width <= room) return text;
  let low = 0, high = Math.min(text.length, 200);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (ink.measureText(`${text.slice(0, middle)}…`).width <= room) low = middle; else high = middle - 1;
  }
  return low > 2 ? `${text.slice(0, low)}…` : "";
}
