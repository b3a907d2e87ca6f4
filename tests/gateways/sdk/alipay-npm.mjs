// alipay-sdk 4.14.0, the official client for Node, against the simulated Alipay: <bank> <keys>.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

// The client dates its calls by the host's local time, which must be China's.
process.env.TZ = 'Asia/Shanghai';
const { AlipaySdk } = await import('alipay-sdk');
const [bank, keys] = process.argv.slice(2);

const heard = [];
const door = createServer((request, response) => {
  let body = '';
  request.on('data', (piece) => { body += piece; });
  request.on('end', () => { heard.push(body); response.end('success'); });
}).listen(0, '127.0.0.1');
await new Promise((ready) => door.once('listening', ready));
const notify = `http://127.0.0.1:${door.address().port}/webhooks/alipay/`;
const client = new AlipaySdk({
  appId: '2021000000000042',
  privateKey: readFileSync(`${keys}/app.pem`, 'utf8'),
  keyType: 'PKCS8',
  alipayPublicKey: readFileSync(`${keys}/gateway.public.pem`, 'utf8'),
  gateway: `${bank}/alipay/gateway.do`,
});

function check(what, isSo) {
  console.log(`${isSo ? 'ok ' : 'NO '} ${what}`);
  if (!isSo) process.exit(1);
}
// Without validateSign this client believes any answer.
const ask = (method, bizContent, more = {}) =>
  client.exec(method, { bizContent, ...more }, { validateSign: true });
const pay = (number) => fetch(`${bank}/payments/${number}/pay`, { method: 'POST' });
const faults = (knobs) => fetch(`${bank}/faults`, { method: 'PUT', body: JSON.stringify(knobs) });

const order = { out_trade_no: 'NPM0000001', total_amount: '25.00', subject: '茶 & Kaffee' };
const made = await ask('alipay.trade.precreate', order, { notifyUrl: notify });
check('precreate gives a code', made.code === '10000' && made.qrCode);
const early = await ask('alipay.trade.query', { out_trade_no: 'NPM0000001' });
check('no trade before a scan', early.subCode === 'ACQ.TRADE_NOT_EXIST');
await pay('NPM0000001');
const paid = await ask('alipay.trade.query', { out_trade_no: 'NPM0000001' });
check('the query shows the money', paid.tradeStatus === 'TRADE_SUCCESS' && paid.totalAmount === '25.00');
const wanted = { out_trade_no: 'NPM0000001', out_request_no: 'NPMREFUND1', refund_amount: '25.00' };
check('refund', (await ask('alipay.trade.refund', wanted)).fundChange === 'Y');
check('the same again moves nothing', (await ask('alipay.trade.refund', wanted)).fundChange === 'N');
const found = await ask('alipay.trade.fastpay.refund.query', wanted);
check('the refund is found', found.refundStatus === 'REFUND_SUCCESS');
const closed = await ask('alipay.trade.query', { out_trade_no: 'NPM0000001' });
check('refunded as a whole is closed', closed.tradeStatus === 'TRADE_CLOSED' && closed.sendPayDate);

const page = client.pageExecute('alipay.trade.page.pay', 'GET', {
  bizContent: { ...order, out_trade_no: 'NPM0000002', product_code: 'FAST_INSTANT_TRADE_PAY' },
  returnUrl: 'http://127.0.0.1:1/',
});
check('the page opens', (await fetch(page)).url.includes('/alipay/login/'));
const app = client.sdkExecute('alipay.trade.app.pay', {
  bizContent: { ...order, out_trade_no: 'NPM0000003', product_code: 'QUICK_MSECURITY_PAY' },
});
check('the app opens', (await fetch(`${bank}/alipay/gateway.do?${app}`)).url.includes('/alipay/login/'));

for (let tries = 0; heard.length < 2 && tries < 200; tries += 1) {
  await new Promise((later) => { setTimeout(later, 50); });
}
for (const body of heard) {
  const told = Object.fromEntries(new URLSearchParams(body));
  check('the notification is genuine', client.checkNotifySignV2(told));
  check('an altered one is not', !client.checkNotifySignV2({ ...told, total_amount: '1.00' }));
}
check('two notifications came', heard.length === 2);

await faults({ bad_signature: 1 });
const refused = await ask('alipay.trade.query', { out_trade_no: 'NPM0000001' }).catch((error) => error);
check('a bad signature is refused', refused instanceof Error);
await faults({});
process.exit(0);
