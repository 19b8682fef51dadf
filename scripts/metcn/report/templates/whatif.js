"use strict";
// The same computation as metcn.report.whatif.at, on the same draws; tests run both and compare them.
const whatif = (() => {
  const doubles = text => {
    if (text === null) return null;
    const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    return Float64Array.from({length: bytes.length / 8}, (_, at) => view.getFloat64(8 * at, true));
  };

  const unpack = payload => ({...payload, folds: Object.fromEntries(
    Object.entries(payload.folds).map(([name, text]) => [name, doubles(text)]))});

  // The one equation: tumour copies behind a depth ratio.
  const tumourCopies = (data, ratio, purity, ploidy, germline = data.normal_copies) =>
    (ratio * (purity * ploidy + data.normal_copies * (1 - purity)) - germline * (1 - purity)) / purity;

  const quantile = (sorted, share) => {
    const at = share * (sorted.length - 1), below = Math.floor(at), rest = at - below;
    return below + 1 < sorted.length ? sorted[below] + (sorted[below + 1] - sorted[below]) * rest : sorted[below];
  };

  const interval = values => {
    if (values === null) return {value: null, low: null, high: null};
    const sorted = Float64Array.from(values).sort();
    return {value: quantile(sorted, 0.5), low: quantile(sorted, 0.025), high: quantile(sorted, 0.975)};
  };

  // Evenly spread numbers from 0 to 1, as metcn.copies.posterior.sequence has them.
  const sequence = (at, offset) => ((at + 0.5) * (Math.sqrt(5) - 1) / 2 + offset) % 1;

  // CEP7-like and its sides, an arm standing for a side that lies in another gene's amplicon: posterior.beside_amplicons.
  const besideAmplicons = (data, copies) => {
    const size = copies.met.length, [least, times] = data.in_amplicon, prior = data.amplicons_there, sides = {};
    for (const [name, own, other] of [["cep7_p", "arm_p", "arm_q"], ["cep7_q", "arm_q", "arm_p"]]) {
      const side = copies[name], arm = copies[own] || copies[other];
      if (!side) { sides[name] = null; continue; }
      const inside = new Uint8Array(size);
      let count = 0;
      for (let at = 0; at < size; at++) {
        const highest = Math.max(copies[own] ? copies[own][at] : -Infinity, copies[other] ? copies[other][at] : -Infinity);
        inside[at] = arm !== null && side[at] >= least && side[at] >= times * highest;
        count += inside[at];
      }
      const share = count / size, belief = prior * share / (prior * share + (1 - prior) * (1 - share));
      sides[name] = side.map((value, at) => inside[at] && sequence(at, Math.sqrt(3)) < belief ? arm[at] : value);
    }
    const known = [sides.cep7_p, sides.cep7_q].filter(values => values !== null);
    const cep7 = !known.length ? null : known[0].map((_, at) => known.reduce((sum, values) => sum + values[at], 0) / known.length);
    return {...sides, cep7};
  };

  const draws = (data, purity, ploidy) => {
    const {met} = data.folds, total = data.germline.reduce((sum, [, chance]) => sum + chance, 0);
    const normal = at => {
      if (data.germline.length === 1) return data.germline[0][0];
      let reached = 0;
      for (const [number, chance] of data.germline) if ((reached += chance / total) >= sequence(at, Math.SQRT2)) return number;
      return data.germline[data.germline.length - 1][0];
    };
    const copies = Object.fromEntries(Object.entries(data.folds).map(([name, fold]) => [name, fold && fold.map((ratio, at) =>
      Math.max(tumourCopies(data, ratio, purity, ploidy, name === "met" ? normal(at) : data.normal_copies), 0))]));
    const {met: gcn} = copies, around = besideAmplicons(data, copies);
    return {
      gcn, ...around, arm_q: copies.arm_q, arm_p: copies.arm_p, fold: met, pcn: met.map(ratio => 2 * ratio),
      ratio: around.cep7 && gcn.map((copy, at) => copy / Math.max(around.cep7[at], data.lowest_divisor)),
      gcn_minus_ploidy: gcn.map(copy => copy - ploidy), gcn_over_ploidy: gcn.map(copy => copy / ploidy),
    };
  };

  const CLASSES = ["none", "focal", "arm", "polysomy"];

  // Class of each draw, an index into CLASSES or -1: metcn.copies.focality.classify.
  const classify = (data, found) => {
    const value = (values, at) => values ? values[at] : NaN;
    const either = (choose, a, b) => Number.isNaN(a) ? b : Number.isNaN(b) ? a : choose(a, b);
    return Int8Array.from(found.gcn, (met, at) => {
      const q = value(found.cep7_q, at), p = value(found.cep7_p, at);
      const beside = found.arm_q ? found.arm_q[at] : found.cep7_q ? q : p;
      const centromere = either(Math.max, either(Math.min, p, q), value(found.arm_p, at));
      if (met < data.gained) return 0;
      if (!data.broad && met >= data.stands_out * beside) return 1;
      if (!data.broad && !(met < data.stands_out * beside)) return -1;
      return met >= data.arm_over_centromere * centromere ? 2 : met < data.arm_over_centromere * centromere ? 3 : -1;
    });
  };

  const focality = (data, found) => {
    const count = CLASSES.map((_, number) => found.extent.reduce((sum, value) => sum + (value === number), 0));
    const best = count.reduce((a, b, number) => b > count[a] ? number : a, 0);
    return count[best] / found.extent.length >= data.decide_focality ? CLASSES[best] : "indeterminate";
  };

  const reaches = (value, clause) => clause.lower === null ||
    (clause.lower_inclusive ? value >= clause.lower : value > clause.lower);
  const staysBelow = (value, clause) => clause.upper === null ||
    (clause.upper_inclusive ? value <= clause.upper : value < clause.upper);

  // Verdict of one category: Kleene's logic, as metcn.calls.verdicts has it, for one group of draws.
  const judge = (data, category, found, limits) => {
    const {decide, rounding} = data, size = found.gcn.length, any = category.combine === "or";
    const clauses = category.clauses.map(clause => {
      const values = found[clause.quantity], classes = clause.focality && clause.focality.map(name => CLASSES.indexOf(name));
      const certain = new Uint8Array(size), possible = new Uint8Array(size);
      // certain if the class of draws without one were this; of one class only, where every draw has one
      const anyway = (found.untold ? CLASSES : [""]).map(() => new Uint8Array(size));
      let short = 0, reachable = 0, classed = 0;
      for (let at = 0; at < size; at++) {
        const known = values !== null, enough = clause.least_copies === null || found.gcn[at] >= clause.least_copies;
        const holds = known && reaches(values[at], clause) && staysBelow(values[at], clause);
        const allowed = classes === null || classes.includes(found.extent[at]), untold = found.extent[at] < 0;
        if (found.untold) for (let number = 0; number < CLASSES.length; number++)
          anyway[number][at] = holds && enough && (classes === null || classes.includes(untold ? number : found.extent[at]));
        certain[at] = holds && enough && (allowed || untold && clause.undecided === "accept");
        possible[at] = (holds || !known) && enough && (allowed || untold);
        short += !known || !reaches(values[at], clause);
        classed += allowed || untold;
        reachable += possible[at];
      }
      return {clause, certain, possible, anyway, short: short / size, reachable: reachable / size, classed: classed / size};
    });
    const joined = part => {
      const [first, ...rest] = clauses.map(part);
      for (const other of rest) for (let at = 0; at < size; at++) first[at] = any ? first[at] | other[at] : first[at] & other[at];
      return first;
    };
    const certain = joined(one => one.certain), possible = joined(one => one.possible);
    const anyway = found.untold ? CLASSES.map((_, number) => joined(one => one.anyway[number])) : null;
    const low = share(certain), high = share(possible);
    const met = low >= decide - rounding, notMet = high <= 1 - decide + rounding;
    let blind = false, inSight = false, unsure = false;
    const few = name => found[name].reduce((sum, value) => sum + (value > data.two), 0) / size < data.surely_gained - rounding;
    for (const {clause, short, reachable, classed} of clauses) {
      const bound = clause.lower === null ? clause.upper : clause.lower;
      const limit = clause.quantity in limits ? limits[clause.quantity] : -Infinity;
      unsure ||= !(limit <= bound) && clause.lower !== null && few(clause.quantity === "pcn" ? "pcn" : "gcn");
      const here = !(limit <= bound) && (short >= decide - rounding || clause.lower === null) &&
        classed > 1 - decide + rounding;
      blind ||= here;
      inSight ||= !here && reachable <= 1 - decide + rounding;
    }
    if (!any && inSight) blind = false;
    blind &&= category.clauses.every(clause => clause.lower === null) ? met : notMet;
    blind ||= unsure && met;
    const verdict = met && !blind ? "met" : notMet && !blind ? "not_met" : "indeterminate";
    const measured = category.clauses.some(clause => found[clause.quantity] !== null);
    const ends = measured ? [low, high] : [null, null];
    return {verdict, probability: measured && high - low <= rounding ? low : null, ends, certain, possible, anyway, blind, unsure};
  };

  const share = mask => mask.reduce((sum, value) => sum + value, 0) / mask.length;

  // Verdict of several categories as one: metcn.calls.verdicts._together.
  const together = (data, rows) => {
    const size = rows[0].certain.length, seen = rows.filter(row => !row.blind && !row.unsure);
    const either = test => share(Uint8Array.from({length: size}, (_, at) => test(at)));
    const sure = at => seen.some(row => row.certain[at]) ||
      seen.some(row => row.anyway) && CLASSES.every((_, number) => seen.some(row => row.anyway[number][at]));
    if (seen.length && either(sure) >= data.decide - data.rounding) return "met";
    const may = either(at => rows.some(row => row.possible[at]));
    return !rows.some(row => row.blind) && may <= 1 - data.decide + data.rounding ? "not_met" : "indeterminate";
  };

  const LOW = ["gain", "not_amplified"];
  const chances = row => row.ends[0] + row.ends[1];

  const ofPlasma = row => row.clauses.every(clause => clause.quantity === "pcn");

  const overall = (data, rows) => {
    const known = rows.filter(row => row.call !== null), above = known.filter(row => !LOW.includes(row.call));
    if (!known.length) return "no_call";
    for (const [at, row] of above.entries()) {
      if (row.verdict === "met") return row.call;
      if (together(data, known.slice(0, known.indexOf(row) + 1)) !== "met") continue;
      const classed = above.slice(0, at + 1).filter(one => one.clauses.some(clause => clause.focality !== null));
      return classed.includes(row) ? classed.reduce((a, b) => chances(b) > chances(a) ? b : a).call : row.call;
    }
    const last = above[above.length - 1];
    if (last && together(data, known.slice(0, known.indexOf(last) + 1)) !== "not_met")
      return known.some(row => row.call === "gain" && row.verdict === "met" && ofPlasma(row)) ? "gain" : "indeterminate";
    const below = known.filter(row => LOW.includes(row.call)), met = below.find(row => row.verdict === "met");
    if (met) return met.call;
    return below.some(row => row.call === "gain" && row.verdict === "indeterminate" && !ofPlasma(row) && chances(row) > 1) ? "gain" : "not_amplified";
  };

  const at = (data, purity, ploidy) => {
    const found = draws(data, purity, ploidy);
    found.extent = classify(data, found);
    found.untold = found.extent.some(number => number < 0);
    const chosen = focality(data, found);
    const lod = data.lod_ratio === null ? null : tumourCopies(data, data.lod_ratio, purity, ploidy);
    const neutral = data.normal_copies / (purity * ploidy + data.normal_copies * (1 - purity));
    const told = tumourCopies(data, neutral * data.told_factor, purity, ploidy);
    const limits = data.above_neutral ? {} :
      {gcn: told, gcn_minus_ploidy: told - ploidy, gcn_over_ploidy: told / ploidy, pcn: data.normal_copies * data.told_factor};
    const judged = data.sets.map(category => ({...category, ...judge(data, category, found, limits)}));
    const call = overall(data, judged.filter(row => row.id === data.default));
    const verdicts = judged.map(({certain, possible, anyway, ...row}) => row);
    return {
      met_copies: interval(found.gcn), cep7_copies: interval(found.cep7), met_cep7: interval(found.ratio),
      lod, focality: chosen, verdicts, call,
    };
  };
  return {unpack, at, tumourCopies, interval};
})();

(() => {
  const source = document.getElementById("whatif-data");
  if (!source) return;
  const data = whatif.unpack(JSON.parse(source.textContent));
  const get = name => document.getElementById("whatif-" + name);
  const words = JSON.parse(get("words").textContent);
  const start = {purity: data.purity ?? (data.specimen === "plasma" ? 0.1 : 0.5), ploidy: data.ploidy ?? 2};
  const number = (value, digits) => value === null ? "–" :
    value.toFixed(Math.abs(value) < 9.995 ? digits : Math.abs(value) < 99.95 ? 1 : 0);
  const estimate = (found, digits) => found.value === null ? "–" :
    `${number(found.value, digits)} (${number(found.low, digits)} to ${number(found.high, digits)})`;
  const share = value => value === null ? "–" : value < 0.001 ? "< 0.1 %" : value > 0.999 ? "> 99.9 %" : `${(100 * value).toFixed(1)} %`;
  const chance = row => [...new Set(row.probability === null ? row.ends.map(share) : [share(row.probability)])].join(" to ");
  const limit = (value, from, to) => Math.min(Math.max(value, from), to);
  const fold = whatif.interval(data.folds.met), original = whatif.at(data, start.purity, start.ploidy);

  const NS = "http://www.w3.org/2000/svg", WIDTH = 520, HEIGHT = 250, LEFT = 44, BOTTOM = 214, TOP = 10, RIGHT = 510;
  const shape = (name, attributes, text) => {
    const made = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const draw = (purity, ploidy, found) => {
    const figure = get("figure"), lowest = data.specimen === "plasma" ? 0.01 : 0.05;
    const purities = Array.from({length: 80}, (_, step) => lowest * (1 / lowest) ** (step / 79));
    const copies = (ratio, share) => Math.max(whatif.tumourCopies(data, ratio, share, ploidy), 0);
    const top = limit(1.15 * Math.max(copies(fold.value, 0.12), found.met_copies.high, 12), 12, 400);
    const x = share => LEFT + (RIGHT - LEFT) * Math.log(limit(share, lowest, 1) / lowest) / Math.log(1 / lowest);
    const y = copy => BOTTOM - (BOTTOM - TOP) * Math.sqrt(limit(copy, 0, top) / top);
    const path = (ratio, list) => list.map(share => `${x(share).toFixed(1)} ${y(copies(ratio, share)).toFixed(1)}`).join("L");
    const within = ratio => purities.filter(share => copies(ratio, share) < top);
    const parts = [shape("path", {d: `M${path(fold.low, within(fold.low))}L${path(fold.high, within(fold.low).reverse())}Z`, class: "band-95"}),
      shape("path", {d: "M" + path(fold.value, within(fold.value)), class: "curve"})];
    for (const copy of [0, 2, 5, 10, 20, 50, 100, 200]) if (copy <= top) {
      const bound = copy === 5 || copy === 10;
      parts.push(shape("line", {x1: LEFT, x2: RIGHT, y1: y(copy), y2: y(copy), class: bound ? "bound" : "grid"}),
        shape("text", {x: LEFT - 6, y: y(copy) + 4, class: "tick end" + (bound ? " strong" : "")}, copy));
    }
    for (const share of [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1]) if (share >= lowest) parts.push(
      shape("line", {x1: x(share), x2: x(share), y1: BOTTOM, y2: BOTTOM + 4, class: "axis"}),
      shape("text", {x: x(share), y: BOTTOM + 17, class: "tick middle"}, share));
    parts.push(shape("line", {x1: LEFT, x2: RIGHT, y1: BOTTOM, y2: BOTTOM, class: "axis"}),
      shape("text", {x: (LEFT + RIGHT) / 2, y: HEIGHT - 4, class: "tick middle"}, words.purity_axis),
      shape("text", {x: 11, y: (TOP + BOTTOM) / 2, class: "tick middle", transform: `rotate(-90 11 ${(TOP + BOTTOM) / 2})`}, "MET copies"),
      shape("line", {x1: x(purity), x2: x(purity), y1: y(found.met_copies.low), y2: y(found.met_copies.high), class: "marker"}),
      shape("circle", {cx: x(purity), cy: y(found.met_copies.value), r: 5, class: "estimate"}));
    figure.replaceChildren(...parts);
    figure.setAttribute("aria-label", `MET copies at purities from ${lowest} to 1 with 95 % interval; at ${purity.toFixed(2)}: ${estimate(found.met_copies, 1)}`);
  };

  const show = (purity, ploidy) => {
    const found = whatif.at(data, purity, ploidy);
    get("call").textContent = words.calls[found.call];
    get("met").textContent = estimate(found.met_copies, 1);
    get("ratio").textContent = estimate(found.met_cep7, 2);
    get("cep7").textContent = estimate(found.cep7_copies, 1);
    get("lod").textContent = number(found.lod, 1);
    get("focality").textContent = words.focality[found.focality];
    const changed = [];
    found.verdicts.forEach((row, at) => {
      const cells = get("verdicts").rows[at].cells, before = original.verdicts[at].verdict;
      cells[2].textContent = words.verdicts[row.verdict];
      cells[3].textContent = chance(row);
      get("verdicts").rows[at].className = row.verdict;
      if (before !== row.verdict) changed.push(`${row.title} (${row.only_if ? "only " : ""}${row.name.replaceAll("_", " ")}): ${words.verdicts[before]} → ${words.verdicts[row.verdict]}`);
    });
    get("changes").replaceChildren(...changed.map(text => Object.assign(document.createElement("li"), {textContent: text})));
    get("unchanged").hidden = changed.length > 0;
    draw(purity, ploidy, found);
  };
  const inputs = {purity: [get("purity"), get("purity-number")], ploidy: [get("ploidy"), get("ploidy-number")]};
  const now = {...start};
  const set = (name, value) => {
    now[name] = value;
    inputs[name].forEach(input => { if (input !== document.activeElement || input.type === "range") input.value = value; });
    show(now.purity, now.ploidy);
  };
  for (const [name, pair] of Object.entries(inputs)) for (const input of pair) input.addEventListener("input", () => {
    const value = parseFloat(input.value), from = parseFloat(pair[1].min), to = parseFloat(pair[1].max);
    if (value >= from && value <= to) set(name, value);
  });
  get("reset").addEventListener("click", () => { set("purity", start.purity); set("ploidy", start.ploidy); });
  get("live").hidden = false;
  set("purity", start.purity);
  set("ploidy", start.ploidy);
})();
