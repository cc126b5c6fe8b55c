"""sipp's scenario files, written with named parts: sipp has none, and every file would repeat the same headers.

`${part}` or `${part arguments}` stands for the text below; `%s` in it for the arguments, separated by `|`. A scenario
may bring values of its own for further `${words}`. What is left is plain sipp.
"""

import re
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent / "xml"
_PART = re.compile(r"\$\{(\w+)(?: ((?:[^{}]|\$\{\w+\})*))?\}")

PARTS = {
    # An INVITE comes; what later messages repeat of it is kept.
    "invited": """<recv request="INVITE" rrs="true"><action>
  <ereg regexp="sip:([^>;]*)" search_in="hdr" header="Contact:" check_it="true" assign_to="whole,contact"/>
  <ereg regexp="[^ ].*" search_in="hdr" header="From:" check_it="true" assign_to="from"/>
  <ereg regexp="[^ ].*" search_in="hdr" header="To:" check_it="true" assign_to="to"/>
  <ereg regexp="[^ ].*" search_in="hdr" header="Via:" check_it="true" assign_to="via"/>
  <ereg regexp="[^ ].*" search_in="hdr" header="CSeq:" check_it="true" assign_to="cseq"/>
 </action></recv>
 <Reference variables="whole,contact,from,to,via,cseq"/>""",
    # The headers of a response to that INVITE, and of one to the request that came last.
    "of_invite": """Via: [$via]
From: [$from]
To: [$to];tag=peer[call_number]
Call-ID: [call_id]
CSeq: [$cseq]
${contact}""",
    "of_request": """[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
${contact}""",
    # The headers of a request of the peer in the dialog, but for CSeq.
    "in_dialog": """Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
From: [$to];tag=peer[call_number]
To: [$from]
Call-ID: [call_id]
Max-Forwards: 70
${contact}""",
    "contact": "Contact: <sip:peer@[local_ip]:${contact_port};transport=[transport]>",
    # Ends of a message.
    "empty": "Content-Length: 0\n\n",
    "sdp": """Content-Type: application/sdp
Content-Length: [len]

v=0
o=peer 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio ${audio_port} RTP/AVP %s
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
""",
    # Audio that sipp itself sends.
    "streamed": """Content-Type: application/sdp
Content-Length: [len]

v=0
o=peer 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000
""",
    "stream": """<nop><action><exec rtp_stream="silence.al,%s,8"/></action></nop>""",
    # Whole steps.
    "reply": """<send><![CDATA[
SIP/2.0 %s
${of_invite}
${empty}]]></send>""",
    "reply_request": """<send><![CDATA[
SIP/2.0 %s
${of_request}
${empty}]]></send>""",
    "reject": """<send retrans="500"><![CDATA[
SIP/2.0 %s
${of_invite}
${empty}]]></send>
 <recv request="ACK"/>""",
    "redirect": "${redirect_with 302 Moved Temporarily | %s}",
    "redirect_with": """<send retrans="500"><![CDATA[
SIP/2.0 %s
Via: [$via]
From: [$from]
To: [$to];tag=elsewhere
Call-ID: [call_id]
CSeq: [$cseq]
Contact: %s
${empty}]]></send>
 <recv request="ACK"/>""",
    "answer": """<send retrans="500"><![CDATA[
SIP/2.0 200 OK
${of_invite}
${sdp 8}
]]></send>""",
    "answered": """${answer}
 <recv request="ACK"/>""",
    "request": """<send retrans="500"><![CDATA[
%s sip:[$contact] SIP/2.0
${in_dialog}
CSeq: [cseq] %s
${empty}]]></send>""",
    "acknowledge": """<send><![CDATA[
ACK sip:[$contact] SIP/2.0
${in_dialog}
CSeq: [cseq] ACK
${empty}]]></send>""",
    # The ACK of a refusal belongs to the INVITE's transaction: its branch, two steps back.
    "acknowledge_refusal": """<send><![CDATA[
ACK sip:[$contact] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-2];rport
From: [$to];tag=peer[call_number]
To: [$from]
Call-ID: [call_id]
Max-Forwards: 70
CSeq: [cseq] ACK
${empty}]]></send>""",
    "hang_up": """${request BYE | BYE}
 <recv response="200"/>""",
    "hung_up_on": """<recv request="BYE"/>
 ${reply_request 200 OK}""",
    "referred": """<recv request="REFER"><action>
  <ereg regexp="[^ ].*" search_in="hdr" header="Via:" check_it="true" assign_to="refer_via"/>
  <ereg regexp="[^ ].*" search_in="hdr" header="CSeq:" check_it="true" assign_to="refer_cseq"/>
  <ereg regexp="sip:7000@" search_in="hdr" header="Refer-To:" check_it="true" assign_to="refer_to"/>
  <ereg regexp="sip:" search_in="hdr" header="Referred-By:" check_it="true" assign_to="referred_by"/>
 </action></recv>
 <Reference variables="refer_via,refer_cseq,refer_to,referred_by"/>""",
    "reply_refer": """<send><![CDATA[
SIP/2.0 %s
Via: [$refer_via]
From: [$from]
To: [$to];tag=peer[call_number]
Call-ID: [call_id]
CSeq: [$refer_cseq]
${contact}
${empty}]]></send>""",
    # The outcome of a transfer so far; the subscription's state comes first.
    "notify": """<send retrans="500"><![CDATA[
NOTIFY sip:[$contact] SIP/2.0
${in_dialog}
CSeq: [cseq] NOTIFY
Event: refer
Subscription-State: %s
Content-Type: message/sipfrag;version=2.0
Content-Length: [len]

SIP/2.0 %s
]]></send>""",
    # On a busy machine sipp repeats its answer to the INVITE, and our ACK of that comes as late.
    "notified": """${notify %s | %s}
 <recv request="ACK" optional="true"/>
 <recv response="200"/>""",
}

# sipp sends nothing more until what it would repeat is answered: in a burst it repeats nothing.
PARTS |= {
    f"{name}_once": PARTS[name].replace(' retrans="500"', "") for name in ("answer", "request", "notify")
}
# A NOTIFY with a name, by which the answer to it is known among others.
PARTS["notify_as"] = PARTS["notify"].replace('retrans="500"', 'start_txn="%s"')


def render(name: str, values: Mapping[str, str]) -> str:
    """The scenario file as sipp wants it; KeyError names a part that there is not."""
    return _fill((FOLDER / f"{name}.xml").read_text(), {**PARTS, **values})


def _fill(text: str, parts: Mapping[str, str]) -> str:
    def part(match: re.Match[str]) -> str:
        body = parts[match.group(1)]
        wanted = body.count("%s")
        arguments = [argument.strip() for argument in _fill(match.group(2) or "", parts).split("|")]
        if wanted and len(arguments) != wanted:
            raise ValueError(f"{match.group()} needs {wanted} arguments")
        for argument in arguments[:wanted]:
            body = body.replace("%s", argument, 1)
        return _fill(body, parts)

    return _PART.sub(part, text)
