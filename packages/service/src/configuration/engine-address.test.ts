import { amqpUrlProblem, mongodbUrlProblem, showEngineUrl } from './engine-address.ts';

describe('addresses of engines', () => {
  test.each([
    'mongodb://localhost',
    'mongodb://u:p%40ss%2F@a.example:27017,b.example:27018,[::1]:27019/gantry?replicaSet=rs0&tls=true',
    'mongodb+srv://u:p@cluster.example.net/gantry_1-x?retryWrites=true',
    'mongodb://u:p@h/?authSource=admin',
  ])('%s is one of MongoDB', (url) => {
    expect(mongodbUrlProblem(url)).toBeUndefined();
  });

  test.each([
    'amqp://localhost',
    'amqps://gantry:p%25ss%2Fw%3Ard%40@mq.example:5671/gantry',
    'amqp://[::1]:5672/%2Fvhost',
  ])('%s is one of an AMQP broker', (url) => {
    expect(amqpUrlProblem(url)).toBeUndefined();
  });

  test.each([
    '',
    'mongodb',
    'mongodb:/h',
    'mongodb://',
    'mongodb://h:port',
    'mongodb://a,,b',
    'mongodb://h/a$b',
    'mongodb://u:p@ss/word@h',
    'mongodb://u:27/word@h?tls=true',
  ])('%j is none of MongoDB', (url) => expect(mongodbUrlProblem(url)).toEqual(expect.any(String)));

  test.each([
    '',
    'amqp',
    'amqp://',
    'amqp://h:port',
    'http://h',
    'amqp://u:%zz@h',
    'amqp://u:a/b@h',
    'amqp://u:27/word@h',
    'amqp://h/v?heartbeat=10',
    'amqp://u:a?b@h',
  ])('%j is none of an AMQP broker', (url) => expect(amqpUrlProblem(url)).toEqual(expect.any(String)));

  test.each([
    ['mongodb://h/d?replicaSet=rs0', 'mongodb://h/d?replicaSet=rs0'],
    ['mongodb://user@h/d', 'mongodb://user@h/d'],
    ['mongodb://user:hunter2@a,b/d', 'mongodb://user:…@a,b/d'],
    ['amqps://user:hunter2%40@h/v', 'amqps://user:…@h/v'],
    [
      'mongodb://h/d?tlsCertificateKeyFilePassword=hunter2&proxyPassword=hunter2&tls=true',
      'mongodb://h/d?tlsCertificateKeyFilePassword=…&proxyPassword=…&tls=true',
    ],
    [
      'mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:hunter2',
      'mongodb://h/?authMechanismProperties=…',
    ],
  ])('%s is shown as %s', (url, shown) => {
    expect(showEngineUrl(url, '…')).toBe(shown);
  });
});
