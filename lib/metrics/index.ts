/**
 * Metrics and spans of a communicator for OpenTelemetry, and so for Prometheus, Grafana and whatever else speaks OTLP.
 * The same for Node and for browsers.
 *
 * @module rxflare/metrics
 */

export type { MetricsOptions } from './endpoint-groups.js';
export { recordMetrics } from './record-metrics.js';
export { recordSpans } from './record-spans.js';
export { tracedSend } from './traced-send.js';
