// What is drawn: the recording with its indexes, what the filter leaves of it, and the two axes.

const KIND_STEPS = { call: 1, reply: 0.7, event: 0.7, fault: 0.6, move: 0.4, message: 0.3, state: 1.6, clock: 1.6, rule: 0.6, cancel: 0.6 };
const ROW_PX = 19, BAR_PX = 15, MARKS_PX = 15, PAD_PX = 4, AXIS_PX = 40;

class Model {
  constructor(data) {
    Object.assign(this, data);
    this.barOf = new Map(this.bars.map((bar) => [bar.call, bar]));
    this.laneBars = this.lanes.map(() => []);
    this.laneMarks = this.lanes.map(() => []);
    this.laneBands = this.lanes.map(() => []);
    for (const bar of this.bars) this.laneBars[bar.lane].push(bar);
    for (const mark of this.marks) this.laneMarks[mark.lane].push(mark);
    for (const band of this.bands) this.laneBands[band.lane].push(band);
    this.globals = this.marks.filter((mark) => mark.global);
    this.outages = this.#outages();
    this.owners = this.#owners();
    this.axis = "order";
    this.showReads = false;
    this.words = [];
    this.refresh();
  }

  // The item that each record belongs to, for the axis: what is hidden takes no room.
  #owners() {
    const owners = this.records.map(() => null);
    for (const mark of this.marks) owners[mark.index] = mark;
    for (const band of this.bands) owners[band.begin] = band;
    for (const bar of this.bars) {
      for (const list of [bar.cancels, bar.messages, bar.faults, bar.moves]) {
        for (const index of list) owners[index] = bar;
      }
      owners[bar.begin] = bar;
      if (bar.end !== null) owners[bar.end] = bar;
    }
    return owners;
  }

  // From where the runtime goes away to where it is back.
  #outages() {
    const ends = this.globals.filter((mark) => /^state (restart|reboot)ed\b/.test(mark.title));
    return this.globals
      .filter((mark) => /^state (restart|reboot)( |$)/.test(mark.title))
      .map((mark) => {
        const back = ends.find((end) => end.index > mark.index);
        return { begin: mark.index, end: back ? back.index : null };
      });
  }

  // Filter.

  filter(text) {
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.refresh();
  }

  #textOf(lane) {
    return `${lane.kind} ${lane.pod} ${lane.title} ${lane.id}`.toLowerCase();
  }

  // Whether a thing is meant by the filter itself, and not all of its lane.
  hits(item) {
    if (this.words.length === 0) return false;
    const lane = this.#textOf(this.lanes[item.lane]), own = this.#ownText(item);
    return this.words.every((word) => lane.includes(word) || own.includes(word)) &&
      this.words.some((word) => own.includes(word));
  }

  #ownText(item) {
    if (item.text === undefined) {
      const words = [item.rpc, item.subject, item.outcome, ...(item.error || []), item.title];
      item.text = words.filter(Boolean).join(" ").toLowerCase();
    }
    return item.text;
  }

  shows(bar) {
    return this.showReads || !bar.read || bar.outcome !== "ok" || bar.faults.length > 0;
  }

  refresh() {
    const matches = this.lanes.map((lane, index) => this.#laneMatches(lane, index));
    // A pod stays above a container that is found.
    this.lanes.forEach((lane, index) => {
      if (matches[index] && lane.parent >= 0) matches[lane.parent] = true;
    });
    this.visible = [];
    let y = AXIS_PX;
    this.lanes.forEach((lane, index) => {
      lane.y = null;
      if (!matches[index]) return;
      const bars = this.laneBars[index].filter((bar) => this.shows(bar));
      const rows = bars.reduce((most, bar) => Math.max(most, bar.row + 1), 0);
      const marks = this.laneBands[index].length > 0 ||
        this.laneMarks[index].some((mark) => mark.kind !== "fault");
      lane.y = y;
      lane.height = Math.max(2 * PAD_PX + rows * ROW_PX + (marks ? MARKS_PX : 0), 34);
      y += lane.height;
      this.visible.push(index);
    });
    this.height = y;
    this.#measure();
  }

  #laneMatches(lane, index) {
    if (this.words.length === 0) return true;
    const text = this.#textOf(lane);
    if (this.words.every((word) => text.includes(word))) return true;
    return this.laneBars[index].some((bar) => this.shows(bar) && this.hits(bar)) ||
      this.laneMarks[index].some((mark) => this.hits(mark));
  }

  // Axes: where each record is, in units of the axis.

  #measure() {
    const places = new Float64Array(this.records.length);
    let at = 0, before = null;
    this.steps = this.records.map((record, index) => this.#step(record, index));
    this.records.forEach((record, index) => {
      const step = this.steps[index];
      if (step > 0) {
        const gap_ns = before === null ? 0 : record.v - before;
        before = record.v;
        // A pause has room by its order of magnitude.
        at += step + (gap_ns > 0 ? 0.7 * Math.log10(1 + gap_ns / 1e5) : 0);
      }
      places[index] = at;
    });
    const first_ns = this.records.length ? this.records[0].v : 0;
    this.places = {
      order: places,
      time: Float64Array.from(this.records, (record) => record.v - first_ns),
    };
  }

  #step(record, index) {
    const item = this.owners[index];
    if (!item) return 0;
    if (!item.global) {
      if (this.lanes[item.lane].y === null) return 0;
      if (item.rpc !== undefined && !this.shows(item)) return 0;
    }
    return KIND_STEPS[record.kind] ?? 0.5;
  }

  at(index) { return this.places[this.axis][index]; }

  endOf(item) {
    return this.at(item.end === null ? this.records.length - 1 : item.end);
  }

  get extent() {
    const places = this.places[this.axis];
    const last = places.length ? places[places.length - 1] : 0;
    const margin = (last || 1) * 0.015;
    return [-margin, (last || 1) + 4 * margin];
  }

  // The virtual time of a place on the axis, between records in proportion.
  timeAt(place) {
    if (this.axis === "time") return place + (this.records.length ? this.records[0].v : 0);
    const index = this.indexAt(place);
    return this.records.length ? this.records[index].v : 0;
  }

  // The last record that is not behind a place.
  indexAt(place) {
    const places = this.places[this.axis];
    let low = 0, high = places.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (places[middle] <= place) low = middle; else high = middle - 1;
    }
    return Math.max(low, 0);
  }
}

// Words.

function span(ns) {
  if (ns < 0) return "−" + span(-ns);
  if (ns >= 6e10) {
    const s = Math.floor(ns / 1e9), h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
    return (h ? `${h}h ` : "") + `${m}m ${trim((ns - (h * 3600 + m * 60) * 1e9) / 1e9)}s`;
  }
  if (ns >= 1e9) return `${trim(ns / 1e9)}s`;
  if (ns >= 1e6) return `${trim(ns / 1e6)}ms`;
  if (ns >= 1e3) return `${trim(ns / 1e3)}µs`;
  return ns > 0 ? `${ns}ns` : "0s";
}

// A time on the axis, no finer than what can be told apart there.
function tickSpan(ns, wide_ns) {
  const unit = wide_ns > 6e12 ? 6e10 : wide_ns > 6e10 ? 1e9 : wide_ns > 6e9 ? 1e7 : 1;
  return span(Math.round(ns / unit) * unit);
}

function trim(number) {
  return number.toFixed(3).replace(/\.?0+$/, "");
}

const OUTCOMES = {
  ok: "OK", error: "error", lost: "reply lost", cancelled: "cancelled", open: "in flight at the end",
};

function titleOf(model, item) {
  if (item.rpc !== undefined) {
    const outcome = item.error ? item.error[0] : OUTCOMES[item.outcome];
    return `${item.rpc} ${item.subject || ""}`.trim() +
      ` · ${item.outcome === "lost" ? "reply lost" : outcome} · ${span(item.took_ns)}`;
  }
  if (item.state !== undefined) {
    return `${item.state}${item.trigger ? ` (${item.trigger})` : ""}${item.note ? ` ${item.note}` : ""}`;
  }
  return item.title;
}
