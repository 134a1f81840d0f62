import time
def test_one(ready, invoke):
    b=time.time(); r = invoke("pipeline","--config",ready.config); print(time.time()-b); 
    print(r.out, r.err)
    b=time.time(); r = invoke("pipeline","--config",ready.config, "finetune.lr=0.2"); print(time.time()-b)
    print(r.summary, r.recomputed)
def test_b(ready, invoke, capsys):
    b=time.time(); r = invoke("pipeline","--config",ready.config, "pretrain.dim=8"); print(time.time()-b)
    print(r.err)
