import { SYNC } from '../access.ts';
import { Notification, readEvents } from '../notifications/notification.ts';
import { takeEvents } from '../notifications/take-events.ts';
import { route } from '../route.ts';
import { NotificationAnswer } from '../views/notification-answer.ts';

export const NOTIFICATION_ROUTES = [
  route({
    method: 'POST',
    path: '/api/v1/notifications',
    name: 'notify',
    summary: "Takes what a registry's webhook tells, and syncs just the tags that it names",
    access: SYNC,
    anyScheme: true,
    body: Notification,
    bodyTypes: [
      'application/vnd.docker.distribution.events.v1+json',
      'application/vnd.docker.distribution.events.v2+json',
      'application/cloudevents+json',
      'application/json',
    ],
    answers: { 202: { description: 'What was taken', view: NotificationAnswer } },
    async handle({ body, api }) {
      const { flow, sources, tagSyncs } = api;
      const { accepted, ignored, pushed, deleted } = takeEvents(readEvents(body), sources);
      const at = flow.now().toISOString();
      const [, tasks] = await Promise.all([
        Promise.all(
          deleted.map(({ source, sourceRepository, tag }) =>
            flow.catalog.candidates.markGone(source, sourceRepository, tag, at),
          ),
        ),
        Promise.all(
          [...Map.groupBy(pushed, ({ source }) => source)].map(([source, tags]) =>
            tagSyncs.ask(source, tags),
          ),
        ),
      ]);
      return { status: 202, json: { accepted, ignored, tasks } };
    },
  }),
];
