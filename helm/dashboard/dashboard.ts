/*
 * The Grafana dashboard, as the JSON that Grafana imports: the frame around the rows of panels.
 */
import { type Panel, POD, type Row } from './panel.ts';
import { REQUEST_ROWS } from './requests.ts';
import { UPSTREAM_ROWS } from './upstream.ts';

type Json = Record<string, unknown>;

const WIDTH = 24;
const PANEL_WIDTH = 8;
const PANEL_HEIGHT = 8;
const ROW_HEIGHT = 1;

const SOURCE = { type: 'prometheus', uid: '$datasource' };

/** The dashboard. Its variables: datasource, namespace, pod, route. */
export function dashboard(): Json {
  return {
    uid: 'lazypirate',
    title: 'lazypirate',
    description: 'Reliable ZeroMQ request/reply: what the apps got, and what their sidecars did for it.',
    tags: ['lazypirate', 'zeromq'],
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    schemaVersion: 39,
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    annotations: { list: ANNOTATIONS.map(annotation) },
    templating: {
      list: [
        { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' },
        choice('namespace', 'Namespace', 'label_values(lazypirate_build_info, namespace)'),
        choice('pod', 'Pod', 'label_values(lazypirate_build_info{namespace=~"$namespace"}, pod)'),
        choice('route', 'Route', `label_values(lazypirate_in_flight_requests{${POD}}, route)`),
      ],
    },
    panels: placed([...REQUEST_ROWS, ...UPSTREAM_ROWS]),
  };
}

interface Annotation {
  name: string;
  colour: string;
  query: string;
  title: string;
  text: string;
}

const RELOADS = `lazypirate_config_reloads_total{${POD}}`;
const BUILDS = `lazypirate_build_info{${POD}}`;

/** Grafana asks for each minute, so what is compared with a minute before is there once. */
const ANNOTATIONS: readonly Annotation[] = [
  {
    name: 'Reloads',
    colour: 'blue',
    query: `(sum by (namespace, pod, result) (${RELOADS} - ${RELOADS} offset 1m) > 0) * on (namespace, pod) group_left (hash) lazypirate_config_info`,
    title: 'Change of the configuration',
    text: '{{pod}}: {{result}}, in force is {{hash}}',
  },
  {
    name: 'Rollouts',
    colour: 'purple',
    query: `count by (namespace, version) (${BUILDS} unless ${BUILDS} offset 1m)`,
    title: 'Sidecars started',
    text: '{{namespace}}: version {{version}}',
  },
];

function annotation({ name, colour, query, title, text }: Annotation): Json {
  return {
    name,
    datasource: SOURCE,
    enable: true,
    iconColor: colour,
    expr: query,
    step: '60s',
    titleFormat: title,
    textFormat: text,
  };
}

/** Every value together unless one is chosen; `.*` also holds for series without the label. */
function choice(name: string, label: string, query: string): Json {
  return {
    name,
    label,
    type: 'query',
    datasource: SOURCE,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { selected: true, text: ['All'], value: ['$__all'] },
  };
}

interface Place {
  x: number;
  y: number;
  w: number;
  h: number;
}

/** The rows, one below the other. The panels of one that is folded are inside it, and begin below it once it is opened. */
function placed(rows: readonly Row[]): Json[] {
  let y = 0;
  let id = 0;
  return rows.flatMap(({ title, isFolded = false, panels }) => {
    const row = {
      id: ++id,
      type: 'row',
      title,
      collapsed: isFolded,
      gridPos: { x: 0, y, w: WIDTH, h: ROW_HEIGHT },
    };
    y += ROW_HEIGHT;
    const places = sideBySide(panels, y);
    const drawn = panels.map((panel, index) => ({ id: ++id, gridPos: places[index], ...panelOf(panel) }));
    if (isFolded) return [{ ...row, panels: drawn }];
    y = Math.max(y, ...places.map((place) => place.y + place.h));
    return [{ ...row, panels: [] }, ...drawn];
  });
}

/** From left to right, and on the next line where one does not fit. */
function sideBySide(panels: readonly Panel[], top: number): Place[] {
  let x = 0;
  let y = top;
  return panels.map(({ width: w = PANEL_WIDTH }) => {
    if (x + w > WIDTH) {
      x = 0;
      y += PANEL_HEIGHT;
    }
    const place = { x, y, w, h: PANEL_HEIGHT };
    x += w;
    return place;
  });
}

function panelOf(panel: Panel): Json {
  const { title, description, queries } = panel;
  const isNumber = panel.look === 'number';
  return {
    title,
    description,
    datasource: SOURCE,
    ...(isNumber ? numberOf(panel) : linesOf(panel)),
    targets: Object.entries(queries).map(([legendFormat, expr], at) => ({
      refId: String.fromCharCode(65 + at),
      datasource: SOURCE,
      expr,
      legendFormat,
      // Over a time, the last value of what is gone would be shown for the value now.
      ...(isNumber && { instant: true, range: false }),
      // Only series of buckets have them.
      ...(!isNumber && expr.includes('_bucket{') && { exemplar: true }),
    })),
  };
}

function numberOf({ unit, colours = [], without }: Panel): Json {
  const steps = colours.map(([color, value = null]) => ({ color, value }));
  return {
    type: 'stat',
    fieldConfig: {
      defaults: { unit, noValue: without, thresholds: { mode: 'absolute', steps } },
      overrides: [],
    },
    options: {
      colorMode: 'background',
      graphMode: 'none',
      textMode: 'value_and_name',
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    },
  };
}

function linesOf({ unit, look, without }: Panel): Json {
  const isStacked = look === 'stacked';
  return {
    type: 'timeseries',
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(without !== undefined && { noValue: without }),
        custom: { fillOpacity: isStacked ? 30 : 10, stacking: { mode: isStacked ? 'normal' : 'none' } },
      },
      overrides: [dashed('/^(deadline|timeout|limit): /')],
    },
    options: {
      legend: { displayMode: 'list', placement: 'bottom' },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  };
}

/** Of lines that are configured or limits, not measured. */
function dashed(names: string): Json {
  return {
    matcher: { id: 'byRegexp', options: names },
    properties: [
      { id: 'custom.lineStyle', value: { fill: 'dash', dash: [10, 10] } },
      { id: 'custom.fillOpacity', value: 0 },
    ],
  };
}
