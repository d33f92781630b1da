import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { stringify } from 'yaml';
import { Charts, helmSkip } from '../support/charts.ts';
import { kept } from '../support/kept.ts';
import { find } from '../support/objects.ts';
import { lacks, run } from '../support/tools.ts';

interface Alert {
  alert: string;
  expr: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

/** Values of a series, each minute from the first: promtool's notation. */
type Series = Record<string, string>;

const SIDECAR = 'job="shop/demo", instance="10.0.0.1:9555"';
const ROUTE = `route="orders", namespace="shop", ${SIDECAR}`;
const POD = 'namespace="shop", pod="demo-1"';
const BUILD = { [`lazypirate_build_info{${SIDECAR}}`]: '1x60' };

/** For each alert, what fires it within half an hour, and what comes near and does not. */
const CASES: Record<string, { fires: Series; quiet: Series }> = {
  LazypirateNoEndpoints: {
    fires: { [`lazypirate_endpoints{state="up", ${ROUTE}}`]: '0x60' },
    quiet: {
      [`lazypirate_endpoints{state="up", ${ROUTE}}`]: '1x60',
      [`lazypirate_endpoints{state="down", ${ROUTE}}`]: '0x60',
    },
  },
  LazypirateFailures: {
    fires: {
      [`lazypirate_requests_total{outcome="ok", ${ROUTE}}`]: '0+98x60',
      [`lazypirate_requests_total{outcome="timeout", ${ROUTE}}`]: '0+2x60',
    },
    quiet: {
      [`lazypirate_requests_total{outcome="ok", ${ROUTE}}`]: '0+199x60',
      [`lazypirate_requests_total{outcome="timeout", ${ROUTE}}`]: '0+1x60',
      [`lazypirate_requests_total{outcome="client_gone", cause="ok", ${ROUTE}}`]: '0+10x60',
    },
  },
  LazypirateClientsGone: {
    fires: {
      [`lazypirate_requests_total{outcome="ok", ${ROUTE}}`]: '0+90x60',
      [`lazypirate_requests_total{outcome="client_gone", cause="ok", ${ROUTE}}`]: '0+10x60',
    },
    quiet: {
      [`lazypirate_requests_total{outcome="ok", ${ROUTE}}`]: '0+96x60',
      [`lazypirate_requests_total{outcome="client_gone", cause="ok", ${ROUTE}}`]: '0+4x60',
    },
  },
  LazypirateAttempts: {
    fires: {
      [`lazypirate_attempts_total{result="ok", ${ROUTE}}`]: '0+80x60',
      [`lazypirate_attempts_total{result="timeout", ${ROUTE}}`]: '0+6x60',
      [`lazypirate_attempts_total{result="lost", ${ROUTE}}`]: '0+6x60',
    },
    quiet: {
      [`lazypirate_attempts_total{result="ok", ${ROUTE}}`]: '0+80x60',
      [`lazypirate_attempts_total{result="lost", ${ROUTE}}`]: '0+6x60',
      // Another attempt was quicker.
      [`lazypirate_attempts_total{result="cancelled", ${ROUTE}}`]: '0+80x60',
    },
  },
  LazypirateSidecarMissing: {
    fires: {
      [`kube_pod_container_info{container="lazypirate", ${POD}}`]: '1x60',
      [`kube_pod_status_scheduled{condition="true", ${POD}}`]: '1x60',
      [`lazypirate_build_info{job="shop/demo", instance="10.0.0.2:9555", namespace="shop", pod="other"}`]:
        '1x60',
    },
    quiet: {
      [`kube_pod_init_container_info{container="lazypirate", ${POD}}`]: '1x60',
      [`kube_pod_status_scheduled{condition="true", ${POD}}`]: '1x60',
      [`lazypirate_build_info{${SIDECAR}, ${POD}}`]: '1x60',
      [`up{${SIDECAR}, ${POD}}`]: '1x60',
      // The app's own metrics are none of ours.
      [`up{job="shop/demo", instance="10.0.0.1:8080", ${POD}}`]: '0x60',
      // One that waits for a node, and one that has ended.
      'kube_pod_container_info{container="lazypirate", namespace="shop", pod="pending"}': '1x60',
      'kube_pod_status_scheduled{condition="true", namespace="shop", pod="pending"}': '0x60',
      'kube_pod_container_info{container="lazypirate", namespace="shop", pod="ended"}': '1x60',
      'kube_pod_status_scheduled{condition="true", namespace="shop", pod="ended"}': '1x60',
      'kube_pod_status_phase{phase="Succeeded", namespace="shop", pod="ended"}': '1x60',
    },
  },
  LazypirateUnaccounted: {
    fires: {
      [`lazypirate_requests_received_total{${ROUTE}}`]: '0+10x60',
      [`lazypirate_requests_total{outcome="ok", ${ROUTE}}`]: '0 10+10x60',
      [`lazypirate_requests_total{outcome="client_gone", cause="ok", ${ROUTE}}`]: '0x60',
      [`lazypirate_in_flight_requests{${ROUTE}}`]: '1x60',
      [`lazypirate_queued_requests{${ROUTE}}`]: '0x60',
    },
    quiet: {
      [`lazypirate_requests_received_total{${ROUTE}}`]: '5+100x60',
      [`lazypirate_requests_total{outcome="ok", ${ROUTE}}`]: '0+99x60',
      [`lazypirate_requests_total{outcome="client_gone", cause="ok", ${ROUTE}}`]: '0+1x60',
      [`lazypirate_in_flight_requests{${ROUTE}}`]: '3x60',
      [`lazypirate_queued_requests{${ROUTE}}`]: '2x60',
    },
  },
  LazypirateRetries: {
    fires: {
      [`lazypirate_requests_total{outcome="ok", ${ROUTE}}`]: '0+100x60',
      [`lazypirate_retries_total{reason="lost", ${ROUTE}}`]: '0+6x60',
      [`lazypirate_retries_total{reason="timeout", ${ROUTE}}`]: '0+6x60',
    },
    quiet: {
      [`lazypirate_requests_total{outcome="ok", ${ROUTE}}`]: '0+100x60',
      [`lazypirate_retries_total{reason="lost", ${ROUTE}}`]: '0+9x60',
    },
  },
  LazypirateRetriesDenied: {
    fires: { [`lazypirate_retries_denied_total{reason="budget", ${ROUTE}}`]: '0+1x60' },
    quiet: {
      [`lazypirate_retries_denied_total{reason="budget", ${ROUTE}}`]: '7x60',
      [`lazypirate_retries_denied_total{reason="policy", ${ROUTE}}`]: '0+1x60',
    },
  },
  LazypirateSlow: {
    fires: {
      [`lazypirate_request_duration_seconds_bucket{outcome="ok", le="1", ${ROUTE}}`]: '0+98x60',
      [`lazypirate_request_duration_seconds_bucket{outcome="ok", le="2.5", ${ROUTE}}`]: '0+100x60',
      [`lazypirate_request_duration_seconds_bucket{outcome="ok", le="+Inf", ${ROUTE}}`]: '0+100x60',
    },
    quiet: {
      [`lazypirate_request_duration_seconds_bucket{outcome="ok", le="1", ${ROUTE}}`]: '0+1000x60',
      [`lazypirate_request_duration_seconds_bucket{outcome="ok", le="2.5", ${ROUTE}}`]: '0+1001x60',
      [`lazypirate_request_duration_seconds_bucket{outcome="ok", le="+Inf", ${ROUTE}}`]: '0+1001x60',
      [`lazypirate_request_duration_seconds_bucket{outcome="timeout", le="1", ${ROUTE}}`]: '0x60',
      [`lazypirate_request_duration_seconds_bucket{outcome="timeout", le="+Inf", ${ROUTE}}`]: '0+100x60',
    },
  },
  LazypirateDiscoveryStale: {
    fires: { [`lazypirate_discovery_last_sync_timestamp_seconds{${ROUTE}}`]: '60x60' },
    quiet: {
      // 10 minutes old at most; and one that has just begun.
      [`lazypirate_discovery_last_sync_timestamp_seconds{${ROUTE}}`]: '1x10 660x10 1260x10 1860x10',
      [`lazypirate_discovery_last_sync_timestamp_seconds{route="new", ${SIDECAR}}`]: '_x30 0x30',
    },
  },
  LazypirateReloadFailed: {
    fires: { [`lazypirate_config_last_reload_successful{${SIDECAR}}`]: '1x20 0x40' },
    quiet: { [`lazypirate_config_last_reload_successful{${SIDECAR}}`]: '0x20 1x40' },
  },
  LazypirateEventLoopLag: {
    fires: { ...BUILD, [`nodejs_eventloop_lag_p99_seconds{${SIDECAR}}`]: '0.2x60' },
    quiet: {
      ...BUILD,
      [`nodejs_eventloop_lag_p99_seconds{${SIDECAR}}`]: '0.09x60',
      // An app that is a Node process itself.
      'nodejs_eventloop_lag_p99_seconds{job="shop/demo", instance="10.0.0.1:8080"}': '5x60',
    },
  },
  LazypirateDescriptors: {
    fires: {
      ...BUILD,
      [`process_open_fds{${SIDECAR}}`]: '900x60',
      [`process_max_fds{${SIDECAR}}`]: '1000x60',
    },
    quiet: {
      ...BUILD,
      [`process_open_fds{${SIDECAR}}`]: '790x60',
      [`process_max_fds{${SIDECAR}}`]: '1000x60',
      'process_open_fds{job="shop/demo", instance="10.0.0.1:8080"}': '1000x60',
      'process_max_fds{job="shop/demo", instance="10.0.0.1:8080"}': '1000x60',
    },
  },
};

const AT = '30m';

/** A test of promtool: after half an hour these alerts fire, and no other does. */
function unitTest(series: Series, firing: readonly string[]): object {
  return {
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: [
      {
        expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
        eval_time: AT,
        exp_samples: firing.map((name) => ({ labels: `{alertname="${name}"}`, value: 1 })),
      },
    ],
  };
}

describe('the alerts', { skip: helmSkip || lacks('promtool') }, () => {
  const charts = helmSkip === false ? new Charts() : (undefined as never);

  const rendered = new Map<string, { groups: { rules: Alert[] }[] } | undefined>();
  const specWith = (values: object) => {
    const key = JSON.stringify(values);
    if (!rendered.has(key)) {
      const lazypirate = { alerts: { enabled: true, ...values } };
      const objects = charts.render(charts.demo, { lazypirate });
      const { spec } = find(objects, 'PrometheusRule', 'demo-lazypirate') as {
        spec?: { groups: { rules: Alert[] }[] };
      };
      rendered.set(key, spec);
    }
    return rendered.get(key);
  };

  /** The alerts as they are installed with these values, and the file of rules that promtool can read. */
  const rulesWith = (values: object = {}): { alerts: Alert[]; file: string } => {
    const spec = specWith(values);
    const file = join(charts.directory, 'rules.yaml');
    writeFileSync(file, stringify(spec));
    return { alerts: spec?.groups[0]?.rules ?? [], file };
  };

  /** What promtool says of the rules, or of a file with tests of them. */
  const verdict = (command: 'check' | 'test', file: string): string => {
    const inputs = [join(charts.directory, 'rules.yaml'), file].map((one) => readFileSync(one, 'utf8'));
    return kept('promtool', [command, ...inputs], () => run('promtool', [command, 'rules', file]));
  };

  const promtool = (tests: object[]): void => {
    const file = join(charts.directory, 'tests.yaml');
    writeFileSync(file, stringify({ rule_files: ['rules.yaml'], evaluation_interval: '1m', tests }));
    verdict('test', file);
  };

  /** This alert fires for these, each with the command for one pod. */
  const explains = (
    name: string,
    series: Series,
    expected: readonly [labels: Record<string, string>, pod: string][],
  ): void => {
    const rules = specWith({})?.groups[0]?.rules ?? [];
    // No other text of it is looked at.
    const bare = rules
      .filter(({ alert }) => alert === name)
      .map(({ annotations: { explain = '' }, ...rest }) => ({
        ...rest,
        annotations: { explain },
        labels: {},
      }));
    writeFileSync(
      join(charts.directory, 'rules.yaml'),
      stringify({ groups: [{ name: 'bare', rules: bare }] }),
    );
    const exp_alerts = expected.map(([labels, pod]) => ({
      exp_labels: labels,
      exp_annotations: {
        explain: `kubectl exec -n ${labels['namespace']} ${pod} -c lazypirate -- lazypirate explain`,
      },
    }));
    promtool([
      {
        interval: '1m',
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        alert_rule_test: [{ eval_time: AT, alertname: name, exp_alerts }],
      },
    ]);
  };

  test('are rules that Prometheus takes', () => {
    const { alerts, file } = rulesWith();
    assert.deepEqual(alerts.map(({ alert }) => alert).sort(), Object.keys(CASES).sort());
    assert.match(verdict('check', file), new RegExp(`${alerts.length} rules found`));
  });

  test('each fires when it should', () => {
    rulesWith();
    promtool(Object.entries(CASES).map(([name, { fires }]) => ({ name, ...unitTest(fires, [name]) })));
  });

  test('none fires when it should not', () => {
    rulesWith();
    promtool(Object.entries(CASES).map(([name, { quiet }]) => ({ name, ...unitTest(quiet, []) })));
  });

  test('LazypirateFailures fires where all requests fail and the app never waits for it', () => {
    rulesWith();
    const series = {
      [`lazypirate_requests_total{outcome="ok", ${ROUTE}}`]: '0x60',
      [`lazypirate_requests_total{outcome="timeout", ${ROUTE}}`]: '0x60',
      [`lazypirate_requests_total{outcome="client_gone", cause="ok", ${ROUTE}}`]: '0x60',
      [`lazypirate_requests_total{outcome="client_gone", cause="timeout", ${ROUTE}}`]: '0+4x60',
    };
    promtool([unitTest(series, ['LazypirateFailures'])]);
  });

  test('LazypirateDiscoveryStale tells one that has never known its endpoints from one that no longer does', () => {
    rulesWith();
    for (const [lastSync, words] of [
      ['0', 'has never learned the endpoints of route orders.'],
      ['60', 'has not learned of changes in the endpoints of route orders for 29m 0s.'],
    ] as const) {
      const exp_annotations = {
        summary: 'The endpoints of route orders are unknown or out of date',
        description: `10.0.0.1:9555 ${words}`,
        explain: 'kubectl exec -n shop POD -c lazypirate -- lazypirate explain',
      };
      const exp_labels = {
        route: 'orders',
        namespace: 'shop',
        job: 'shop/demo',
        instance: '10.0.0.1:9555',
        severity: 'warning',
      };
      promtool([
        {
          interval: '1m',
          input_series: [
            {
              series: `lazypirate_discovery_last_sync_timestamp_seconds{${ROUTE}}`,
              values: `${lastSync}x60`,
            },
          ],
          alert_rule_test: [
            {
              eval_time: AT,
              alertname: 'LazypirateDiscoveryStale',
              exp_alerts: [{ exp_labels, exp_annotations }],
            },
          ],
        },
      ]);
    }
  });

  test('LazypirateSidecarMissing fires for one that does not answer any more, also where nothing tells of pods', () => {
    rulesWith();
    const series = {
      [`lazypirate_build_info{${SIDECAR}, ${POD}}`]: '1x10 stale _x50',
      [`up{${SIDECAR}, ${POD}}`]: '1x10 0x50',
    };
    promtool([unitTest(series, ['LazypirateSidecarMissing'])]);
  });

  test('tell route, place and figure', () => {
    const { alerts } = rulesWith({ alertLabels: { team: 'shop' } });
    const runbook = alerts.find(({ alert }) => alert === 'LazypirateFailures')?.annotations['runbook_url'];
    const description = '2% of the requests of route orders (shop/demo) fail.';
    promtool([
      {
        interval: '1m',
        input_series: Object.entries(CASES['LazypirateFailures']?.fires ?? {}).map(([series, values]) => ({
          series,
          values,
        })),
        alert_rule_test: [
          {
            eval_time: AT,
            alertname: 'LazypirateFailures',
            exp_alerts: [
              {
                exp_labels: {
                  namespace: 'shop',
                  job: 'shop/demo',
                  route: 'orders',
                  severity: 'critical',
                  team: 'shop',
                },
                exp_annotations: {
                  summary: 'Requests of route orders fail',
                  description,
                  runbook_url: runbook,
                  explain: 'kubectl exec -n shop POD -c lazypirate -- lazypirate explain',
                },
              },
            ],
          },
        ],
      },
    ]);
  });

  test('name the command that explains, at the pod in their labels', () => {
    const series = { [`lazypirate_config_last_reload_successful{${POD}}`]: '0x60' };
    explains('LazypirateReloadFailed', series, [[{ namespace: 'shop', pod: 'demo-1' }, 'demo-1']]);
  });

  /** An alert about all pods of a job, and what it counts. */
  const WORST: Record<string, string> = {
    LazypirateFailures: 'requests_total{outcome="lost"',
    LazypirateClientsGone: 'requests_total{outcome="client_gone", cause="ok"',
    LazypirateAttempts: 'attempts_total{result="timeout"',
    LazypirateRetries: 'retries_total{reason="timeout"',
    LazypirateRetriesDenied: 'retries_denied_total{reason="budget"',
    LazypirateSlow: 'request_duration_seconds_bucket{outcome="ok", le="2.5"',
  };

  for (const [alert, metric] of Object.entries(WORST))
    test(`${alert} names the command that explains, at the pod that is hit most`, () => {
      /** @param bad how many a minute are bad, beside 100 that are good */
      const of = (pod: string, bad: number, route = 'orders', namespace = 'shop'): Series => {
        const labels = `namespace="${namespace}", job="shop/demo", route="${route}", pod="${pod}"`;
        return {
          [`lazypirate_requests_total{outcome="ok", ${labels}}`]: '0+100x60',
          [`lazypirate_attempts_total{result="ok", ${labels}}`]: '0+100x60',
          [`lazypirate_request_duration_seconds_bucket{outcome="ok", le="1", ${labels}}`]: '0+100x60',
          [`lazypirate_request_duration_seconds_bucket{outcome="ok", le="+Inf", ${labels}}`]: `0+${100 + bad}x60`,
          [`lazypirate_${metric}, ${labels}}`]: `0+${alert === 'LazypirateSlow' ? 100 + bad : bad}x60`,
        };
      };
      const series = {
        ...of('demo-0', 0),
        ...of('demo-1', 100),
        ...of('demo-2', 50),
        ...of('demo-3', 900, 'users'),
        ...of('demo-4', 900, 'orders', 'test'),
      };
      const job = 'shop/demo';
      explains(alert, series, [
        [{ namespace: 'shop', job, route: 'orders' }, 'demo-1'],
        [{ namespace: 'shop', job, route: 'users' }, 'demo-3'],
        [{ namespace: 'test', job, route: 'orders' }, 'demo-4'],
      ]);
    });

  test('follow the thresholds of the values', () => {
    const series = CASES['LazypirateFailures']?.fires ?? {};
    rulesWith({ failureRatio: 0.05 });
    promtool([unitTest(series, [])]);
    rulesWith({ failureRatio: 0.019 });
    promtool([unitTest(series, ['LazypirateFailures'])]);
  });

  test('can be left out one by one', () => {
    const { alerts } = rulesWith({ disabled: ['LazypirateSlow'] });
    assert.equal(alerts.length, Object.keys(CASES).length - 1);
    assert.ok(alerts.every(({ alert }) => alert !== 'LazypirateSlow'));
  });

  test('no alert has a link to a runbook until somebody says where that is', () => {
    const { alerts } = rulesWith();
    assert.ok(alerts.length > 0);
    for (const { annotations } of alerts) assert.ok(!('runbook_url' in annotations));
  });

  test('each has its section in the runbook, and each section its alert', () => {
    const runbook = readFileSync(join(charts.library, 'RUNBOOK.md'), 'utf8');
    const sections = [...runbook.matchAll(/^## (.+)$/gm)].map(([, title]) => title ?? '');
    const { alerts } = rulesWith({ runbook: 'https://example.com/runbook' });
    assert.deepEqual(sections.toSorted(), alerts.map(({ alert }) => alert).toSorted());
    for (const { alert, annotations } of alerts)
      assert.equal(annotations['runbook_url'], `https://example.com/runbook#${alert.toLowerCase()}`);
  });
});
