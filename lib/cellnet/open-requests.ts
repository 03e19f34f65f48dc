import { Observable } from 'rxjs';

import { ANSWERED, type OpenRequest, type RequestHandler } from './cell-handler.js';
import type { HandlerTable } from './handler-table.js';
import { ReturnCode } from './return-code.js';

/** The requests of a topic as a stream, while it is subscribed. Each waits until it is answered by a call. */
export function openRequests(
  handlers: HandlerTable<RequestHandler>,
  channel: string,
  topic: string,
): Observable<OpenRequest> {
  return new Observable<OpenRequest>((subscriber) => {
    const waiting = new Set<() => void>();
    const handling = handlers.add(channel, topic, (request, answer) => {
      let settle = (): void => undefined;
      const settled = new Promise((resolve) => (settle = () => resolve(ANSWERED)));
      const close: typeof answer = (...answered) => {
        waiting.delete(settle);
        settle();
        answer(...answered);
      };
      if (request.replyExpected) waiting.add(settle);
      else settle();
      subscriber.next({
        ...request,
        reply: (payload) => close(ReturnCode.OK, payload),
        fail: (returnCode = ReturnCode.PROCESS_EXCEPTION) => close(returnCode),
      });
      return settled;
    });
    return () => {
      handling.unsubscribe();
      for (const settle of waiting) settle();
    };
  });
}
