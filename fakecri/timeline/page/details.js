// The panel: what is told of the thing that was chosen, the rules, and the legend.

function element(tag, content, attributes = {}) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  for (const each of Array.isArray(content) ? content : [content]) {
    if (each !== null && each !== undefined) made.append(each);
  }
  return made;
}

class Panel {
  constructor(model, choose) {
    this.model = model;
    this.choose = choose;
    this.place = document.getElementById("details");
  }

  show(item) {
    this.place.replaceChildren();
    if (!item) return;
    if (item.rpc !== undefined) this.#call(item);
    else if (item.state !== undefined) this.#band(item);
    else if (item.index !== undefined) this.#mark(item);
    else this.#lane(item);
  }

  #add(...parts) { this.place.append(...parts.filter(Boolean)); }

  #section(title, content) {
    if (content) this.#add(element("h3", title), content);
  }

  #table(rows) {
    const list = element("dl", []);
    for (const [name, value] of rows) {
      if (value === null || value === undefined || value === "") continue;
      list.append(element("dt", name), element("dd", value));
    }
    return list;
  }

  #call(bar) {
    const { model } = this;
    const facts = model.records[bar.begin].facts;
    const reply = bar.end === null ? {} : model.records[bar.end].facts;
    this.#add(
      element("h2", `${bar.rpc} #${bar.call}`),
      element("span", bar.outcome === "error" && bar.error ? bar.error[0] : OUTCOMES[bar.outcome],
        { class: `pill ${bar.outcome}` }),
      this.#table([
        ["where", this.#laneLink(bar.lane)],
        ["began", this.#moment(bar.begin)],
        ["ended", bar.end === null ? "not in the recording" : this.#moment(bar.end)],
        ["took", span(bar.took_ns)],
        ["deadline", facts.timeout_ns === null || facts.timeout_ns === undefined
          ? "none" : span(Number(facts.timeout_ns))],
        ["peer", facts.peer],
        ["cancelled by", bar.cancels.map((index) => model.records[index].facts.cause).join(", ")],
      ]),
    );
    this.#section("Error", bar.error && element("pre", bar.error.join(": ")));
    this.#section("Faults", this.#records(bar.faults, (record) => [
      element("span", `${record.facts.phase}: ${record.facts.action}`),
      element("div", `${record.facts.rule} · hit ${record.facts.hit}` +
        (record.facts.effect ? ` · ${record.facts.effect}` : "")),
    ]));
    this.#section("Moves", this.#records(bar.moves, ({ facts: move }) =>
      `${move.name || move.pod || short(move.id)}: ${move.from} → ${move.to} (${move.trigger})`));
    this.#section("Events", this.#links(bar.events));
    this.#section("Touched", this.#touched(reply.touched));
    this.#section("Metadata", facts.metadata && json(facts.metadata));
    this.#section("Request", json(facts.request));
    this.#section("Reply", reply.response === undefined ? null : json(reply.response));
    if (reply.error && reply.error.details) this.#section("Error details", json(reply.error.details));
    this.#section(`Messages (${bar.messages.length})`, bar.messages.length
      ? element("ul", bar.messages.slice(0, 200).map((index) => element("li", [
        `${span(model.records[index].v)} `, folded(model.records[index].facts.message)]))) : null);
  }

  #mark(mark) {
    const record = this.model.records[mark.index];
    const cause = this.model.barOf.get(mark.call);
    this.#add(
      element("h2", mark.title),
      this.#table([
        ["where", this.#laneLink(mark.lane)],
        ["at", this.#moment(mark.index)],
        [mark.kind === "event" ? "caused by" : "call", cause ? this.#link(cause) : null],
      ]),
    );
    this.#section(mark.kind === "event" ? "Event" : "Facts",
      json(mark.kind === "event" ? record.facts.event : record.facts));
  }

  #band(band) {
    const { model } = this;
    const record = model.records[band.begin];
    const cause = model.barOf.get(record.facts.call);
    const end = band.end === null ? model.records.length - 1 : band.end;
    this.#add(
      element("h2", band.state),
      this.#table([
        ["of", this.#laneLink(band.lane)],
        ["since", this.#moment(band.begin)],
        ["until", band.end === null ? "the end of the recording" : this.#moment(band.end)],
        ["for", span(model.records[end].v - record.v)],
        ["by", band.trigger],
        ["exit code", band.note],
        ["call", cause ? this.#link(cause) : null],
      ]),
    );
    this.#section("Move", json(record.facts));
  }

  #lane(lane) {
    const index = this.model.lanes.indexOf(lane);
    const bars = this.model.laneBars[index];
    this.#add(
      element("h2", lane.title),
      this.#table([
        ["kind", lane.kind], ["id", lane.id], ["pod", lane.pod],
        ["attempt", lane.kind === "container" ? String(lane.attempt) : null],
        ["calls", String(bars.length)],
        ["failed", String(bars.filter((bar) => bar.failed).length)],
      ]),
    );
    const states = this.model.laneBands[index];
    this.#section("States", states.length ? element("ul", states.map((band) =>
      element("li", [`${span(this.model.records[band.begin].v)} `, this.#link(band)]))) : null);
    const counts = new Map();
    for (const bar of bars) counts.set(bar.rpc, (counts.get(bar.rpc) || 0) + 1);
    this.#section("Calls by RPC", counts.size ? element("ul",
      [...counts].map(([rpc, count]) => element("li", `${rpc} × ${count}`))) : null);
  }

  #moment(index) {
    const record = this.model.records[index];
    return [`${span(record.v)} · record ${record.n}`, element("small", record.wall)];
  }

  #laneLink(index) {
    const lane = this.model.lanes[index];
    const parent = lane.parent >= 0 ? `${this.model.lanes[lane.parent].title} / ` : "";
    return this.#button(`${parent}${lane.title}`, () => this.choose(lane));
  }

  #link(item) {
    return this.#button(titleOf(this.model, item), () => this.choose(item));
  }

  #button(text, act) {
    const made = element("button", text, { type: "button", class: "link" });
    made.addEventListener("click", act);
    return made;
  }

  #links(indexes) {
    const { model } = this;
    const marks = indexes.map((index) => model.marks.find((mark) => mark.index === index));
    return marks.length ? element("ul", marks.filter(Boolean).map((mark) => element("li", this.#link(mark)))) : null;
  }

  #records(indexes, say) {
    if (!indexes.length) return null;
    return element("ul", indexes.map((index) => element("li", say(this.model.records[index]))));
  }

  #touched(ids) {
    if (!Array.isArray(ids) || !ids.length) return null;
    return element("ul", ids.map((id) => {
      const index = this.model.lanes.findIndex((lane) => lane.id === id);
      return element("li", index < 0 ? String(id) : [this.#laneLink(index), ` ${short(id)}`]);
    }));
  }
}

function json(value) {
  return element("pre", JSON.stringify(value ?? {}, null, 2), { tabindex: "0" });
}

function folded(value) {
  const made = element("details", [element("summary", oneLine(value))]);
  made.addEventListener("toggle", () => {
    if (made.open && made.childElementCount === 1) made.append(json(value));
  });
  return made;
}

function oneLine(value) {
  const text = JSON.stringify(value ?? {});
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function short(id) {
  return typeof id === "string" && /^[0-9a-f]{32,}$/.test(id) ? id.slice(0, 13) : String(id);
}

function showRules(model) {
  const place = document.getElementById("rules");
  place.hidden = model.rules.length === 0;
  place.querySelector("ul").replaceChildren(...model.rules.map((rule) => element("li", [
    element("b", String(rule.fired), { "aria-label": `fired ${rule.fired} times` }),
    element("code", rule.text),
  ], rule.fired ? {} : { class: "never" })));
}

function showFacts(model) {
  const { header } = model;
  const last = model.records[model.records.length - 1];
  const failed = model.bars.filter((bar) => bar.failed).length;
  const facts = [
    ["profile", header.profile], ["seed", header.seed], ["pace", header.pace],
    ["fakecri", header.fakecri], ["contract", header.contract_version || header.contract],
    ["lasts", last ? span(last.v - model.records[0].v) : "0s"],
    ["calls", model.bars.length], ["failed", failed],
    ["faults", model.marks.filter((mark) => mark.kind === "fault").length],
    ["events", model.marks.filter((mark) => mark.kind === "event").length],
  ];
  document.getElementById("facts").replaceChildren(...facts
    .filter(([, value]) => value !== undefined && value !== null && value !== "")
    .map(([name, value]) => element("div", [element("dt", name), element("dd", String(value))],
      name === "failed" && value > 0 ? { class: "bad" } : {})));
}

// The legend is painted by what paints the lanes.

const LEGEND = [
  ["call", { bar: { outcome: "ok" } }], ["read", { bar: { outcome: "ok", read: true } }],
  ["error", { bar: { outcome: "error" } }], ["reply lost", { bar: { outcome: "lost" } }],
  ["cancelled", { bar: { outcome: "cancelled" } }], ["in flight", { bar: { outcome: "open" } }],
  ["fault", { mark: { kind: "fault" } }], ["state fault", { mark: { kind: "state" } }],
  ["created", { mark: { kind: "event", title: "event created" } }],
  ["started", { mark: { kind: "event", title: "event started" } }],
  ["stopped", { mark: { kind: "event", title: "event stopped" } }],
  ["deleted", { mark: { kind: "event", title: "event deleted" } }],
  ["clock", { mark: { kind: "clock" } }], ["rule, other", { mark: { kind: "rule" } }],
  ["created", { band: "CREATED" }], ["running, ready", { band: "RUNNING" }],
  ["exited, not ready", { band: "EXITED" }], ["unknown", { band: "UNKNOWN" }],
];

function showLegend(colour) {
  const ratio = window.devicePixelRatio || 1;
  document.querySelector("#legend ul").replaceChildren(...LEGEND.map(([said, sample]) => {
    const canvas = element("canvas", [], { "aria-hidden": "true" });
    canvas.width = 30 * ratio;
    canvas.height = 16 * ratio;
    const ink = canvas.getContext("2d");
    ink.scale(ratio, ratio);
    if (sample.bar) paintBar(ink, colour, lookOf(sample.bar), 1, 1, 28, 14);
    if (sample.mark) paintMark(ink, colour, sample.mark, 15, 8);
    if (sample.band) {
      const look = BAND_LOOKS[sample.band];
      ink.fillStyle = colour[look.name];
      ink.fillRect(0, 0, 30, 16);
      ink.fillStyle = ink.strokeStyle = colour[`${look.name}-edge`];
      hatch(ink, look.hatch, 0, 0, 30, 16);
      ink.fillRect(0, 0, 2, 16);
    }
    const kind = sample.band ? "state " : sample.mark && sample.mark.kind === "event" ? "event " : "";
    return element("li", [canvas, `${kind}${said}`]);
  }));
}
