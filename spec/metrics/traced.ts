import type { Tracer } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

/** A tracer of OpenTelemetry's SDK, and the spans that it has. */
export interface Traced {
  readonly tracer: Tracer;
  /** Those of a name that have ended. */
  readonly spans: (name: string) => readonly ReadableSpan[];
}

/** Makes a tracer of its own. */
export function traced(): Traced {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const spans = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);
  return { tracer: provider.getTracer('rxflare'), spans };
}
