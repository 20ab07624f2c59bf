import { isDeepStrictEqual } from 'node:util';

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

interface MutableFamily {
  readonly help: string;
  type: string;
  readonly samples: Sample[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = String.raw`([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"`;
const SAMPLE = new RegExp(String.raw`^(${NAME})(?:\{(${LABEL}(?:,${LABEL})*)\})? (\S+)$`);

const COMMENT = new RegExp(`^# (HELP|TYPE) (${NAME}) (.*)$`);

/**
 * Parses the Prometheus text format, version 0.0.4. Throws for every line that the format does not allow: a sample outside its family, a
 * duplicate family or sample, or a value that is not a number.
 */
export function parsePrometheusText(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line must end with a line feed');
  const families = new Map<string, MutableFamily>();
  let last: string | null = null;
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const [, kind, name = '', rest = ''] = COMMENT.exec(line) ?? [];
    if (kind === 'HELP') {
      if (families.has(name)) throw new Error(`${name} comes twice`);
      families.set(name, { help: rest, type: 'untyped', samples: [] });
      last = name;
      continue;
    }
    const family = last === null ? undefined : families.get(last);
    if (last === null || family === undefined) throw new Error(`misplaced: ${line}`);
    if (kind === undefined) addSample(last, family, line);
    else if (name === last && family.samples.length === 0) family.type = rest;
    else throw new Error(`misplaced: ${line}`);
  }
  return families;
}

function addSample(name: string, { type, samples }: MutableFamily, line: string): void {
  const sample = sampleOf(line);
  if (!belongs(sample, name, type)) throw new Error(`misplaced: ${line}`);
  const isTwin = (other: Sample) =>
    other.name === sample.name && isDeepStrictEqual(other.labels, sample.labels);
  if (samples.some(isTwin)) throw new Error(`a sample comes twice: ${line}`);
  samples.push(sample);
}

function belongs({ name, labels }: Sample, family: string, type: string): boolean {
  if (type !== 'histogram') return name === family;
  return name === `${family}_bucket`
    ? labels['le'] !== undefined
    : [`${family}_sum`, `${family}_count`].includes(name);
}

function sampleOf(line: string): Sample {
  const match = SAMPLE.exec(line);
  if (!match) throw new Error(`not a sample: ${line}`);
  const spelled = match.at(-1) ?? '';
  const value = spelled === '+Inf' ? Infinity : Number(spelled);
  if (Number.isNaN(value)) throw new Error(`not a number: ${line}`);
  const labels = [...(match[2] ?? '').matchAll(new RegExp(LABEL, 'g'))].map(([, name, text = '']) => [
    name,
    text.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped)),
  ]);
  return { name: match[1] ?? '', labels: Object.fromEntries(labels) as Record<string, string>, value };
}
